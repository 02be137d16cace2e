"""Cuts a comparison into queries that Trino can hold.

In: how many rows each month has, on both sides together. Out: portions of months (which prune files), and of a hash of
the key where a month has more rows than one query may hold. Together they hold each row once. Pure.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

Months = tuple[date | None, ...]


@dataclass(frozen=True)
class Portion:
    """The rows of ``months`` (all rows, if it is empty) whose key's hash falls into ``bucket``, of so many."""

    months: Months = ()
    bucket: int = 0
    buckets: int = 1

    def conditions(self, month: str | None, hashed: str) -> list[str]:
        """As SQL. ``month`` is the partition column, None in a table that has none; ``hashed`` is a text."""
        found = []
        if month is not None and self.months:
            known = ", ".join(f"DATE '{each.isoformat()}'" for each in self.months if each is not None)
            tests = [f"{month} IN ({known})"] if known else []
            tests += [f"{month} IS NULL"] if None in self.months else []
            found.append(f"({' OR '.join(tests)})")
        if self.buckets > 1:
            spread = f"from_big_endian_64(xxhash64(to_utf8({hashed})))"
            found.append(f"abs({spread} % {self.buckets}) = {self.bucket}")
        return found


def add_up(*sides: Mapping[date | None, int]) -> dict[date | None, int]:
    """Rows by month over all sides, in order."""
    months = {month for side in sides for month in side}
    ordered = sorted(months, key=lambda month: (month is not None, month or date.min))
    return {month: sum(side.get(month, 0) for side in sides) for month in ordered}


def packs(rows: Mapping[date | None, int], most: int) -> list[Months]:
    """Neighbouring months, together at most ``most`` rows unless one month alone has more."""
    found: list[Months] = []
    held = 0
    for month, count in rows.items():
        if found and held + count <= most:
            found[-1] = (*found[-1], month)
            held += count
        else:
            found.append((month,))
            held = count
    return found


def portions(rows: Mapping[date | None, int], most: int) -> list[Portion]:
    """Every pack, in as many buckets as it needs by itself."""
    cut = [(months, buckets_for(sum(rows[month] for month in months), most)) for months in packs(rows, most)]
    return [Portion(months, bucket, buckets) for months, buckets in cut for bucket in range(buckets)]


def buckets_for(rows: int, most: int) -> int:
    """How many buckets keep each at about ``most`` rows."""
    return max(1, -(-rows // most))


def bucketed(rows: Mapping[date | None, int], most: int, bucket: int, buckets: int) -> Sequence[Portion]:
    """One bucket of every month, packed anew: what is in a bucket is seen whole."""
    return [Portion(months, bucket, buckets) for months in packs(rows, most * buckets)]
