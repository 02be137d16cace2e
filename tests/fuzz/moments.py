"""When things happen, and how RFC 3339 may spell it.

In: a source of chance. Out: instants in microseconds, on few days: some at the limits of contract 1, some 35 days apart
(so that orders repeat, and a cycle touches few months); and their spellings.
"""

import random
from datetime import UTC, datetime, timedelta, timezone

NOW = int(datetime(2026, 11, 23, 12, tzinfo=UTC).timestamp()) * 1_000_000
"""The edge's clock when a round begins."""
EARLIEST = int(datetime(2000, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
SECOND, HOUR, DAY = 1_000_000, 3_600_000_000, 86_400_000_000
LATEST = NOW + HOUR
REPEAT = 35 * DAY
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OFFSETS = ("Z", "Z", "z", "+00:00", "-00:00", "+05:45", "-03:30", "+14:00", "-12:00", "+23:59", "-23:59")


class Days:
    """The days of one round."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        base = chance.randrange(EARLIEST // DAY, NOW // DAY - 80) * DAY
        leap = chance.choice((951_782_400, 1_709_164_800)) * SECOND
        self._days = [base + days * DAY for days in (0, 0, 0, 1, 35, 36)] + [leap, NOW - DAY, NOW - HOUR]

    def instant(self) -> int:
        kind = self._chance.random()
        if kind < 0.04:
            return self._chance.choice(
                (EARLIEST, EARLIEST, EARLIEST + 1, LATEST, LATEST, LATEST - 1, EARLIEST - 1, LATEST + SECOND)
            )
        start = self._chance.choice(self._days) // DAY * DAY
        if kind < 0.2:  # at the edges of days, hours and quarters, to the microsecond and the millisecond
            hours = self._chance.choice((0, 1, 24, 12.25))
            return start + int(hours * HOUR) + self._chance.choice((-1_000, -1, 0, 1, 999, 1_000))
        return start + self._chance.randrange(0, DAY, self._chance.choice((1, SECOND, 60 * SECOND)))

    def repeat_of(self, instant: int) -> int:
        """About 35 days after another: just within, just beyond, or far from it."""
        later = REPEAT if instant + REPEAT < LATEST else -REPEAT
        within, beyond = (-DAY, -1_000, -1_000), (1_000, 1_000, DAY)
        return instant + later + self._chance.choice((*within, 0, 0, 0, *beyond, -later, 1_000 - later))


def spelled(instant: int, chance: random.Random) -> str:
    offset = chance.choice(_OFFSETS)
    sign = -1 if offset[0] == "-" else 1
    minutes = 0 if offset in "Zz" else sign * (int(offset[1:3]) * 60 + int(offset[4:6]))
    zone = timezone(timedelta(minutes=minutes))
    local = (_EPOCH + timedelta(microseconds=instant)).astimezone(zone)
    text = local.strftime("%Y-%m-%d" + chance.choice("TTt") + "%H:%M:%S")
    if instant % DAY >= DAY - SECOND and chance.random() < 0.3:
        return text[:-2] + "60" + chance.choice(("", ".5", ".999999999")) + offset
    return text + _fraction(instant % SECOND, chance) + offset


def _fraction(micros: int, chance: random.Random) -> str:
    if micros == 0 and chance.random() < 0.5:
        return ""
    digits = f"{micros:06}"
    return "." + chance.choice((digits, digits.rstrip("0") or "0", digits + "999", digits + "0" * 24))
