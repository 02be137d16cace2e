"""Numbers and texts that name things, a type for each, so that mypy refuses a gold version where a release is wanted.

In: what was read from JSON, a path, a row or a command line. Out: the same value; the types cost nothing once it is
read. A number is made into an id where it enters, or where the next one is taken, and nowhere else.
"""

from typing import NewType

ReleaseNumber = NewType("ReleaseNumber", int)
"""A release: 1, 2, 3 and so on without a gap."""
GoldVersionNumber = NewType("GoldVersionNumber", int)
"""A gold version: 1 or more; one whose creator died leaves a gap."""
SnapshotNumber = NewType("SnapshotNumber", int)
"""A snapshot within its gold version: 1 or more."""
GenerationNumber = NewType("GenerationNumber", int)
"""A bronze generation: 1 is the first, higher ones are made from raw files."""

BEFORE_FIRST_RELEASE = ReleaseNumber(0)
