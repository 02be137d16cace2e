"""Receipts: what an answer says about where its numbers come from.

In: a published release. Out: a :class:`Receipt`. ``known_at`` is the instant of the release, never that of the answer:
a body is a function of (release, query), so as_known_at = known_at gives the same body again.
"""

from datetime import UTC, datetime

from api.schemas import BronzeCommits, DefinitionOf, Receipt, TableVersion
from lakehouse.contracts.tables import GOLD_SCHEMA
from lakehouse.instants import from_micros
from lakehouse.releases.log import Published


def receipt(published: Published) -> Receipt:
    release = published.release
    prefix = f"{GOLD_SCHEMA}."
    return Receipt(
        release=release.release,
        released_at=stamp(published.released_at),
        known_at=stamp(published.released_at),
        complete_through=stamp_of_micros(release.complete_through),
        gold_version=release.gold_version,
        tables={
            name.removeprefix(prefix): TableVersion(state.delta_version)
            for name, state in sorted(release.tables.items())
            if name.startswith(prefix)
        },
        bronze=BronzeCommits(release.bronze.generation, release.bronze.delta_version),
        definition=DefinitionOf(release.definition.fingerprint, release.definition.git_commit),
        tzdata=release.tzdata,
    )


def stamp(instant: datetime) -> str:
    """RFC 3339 in UTC, with milliseconds where there are any."""
    precision = "milliseconds" if instant.microsecond else "seconds"
    return instant.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def stamp_of_micros(micros: int | None) -> str | None:
    return None if micros is None else stamp(from_micros(micros))
