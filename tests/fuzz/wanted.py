"""How much is tried, from the environment: ``make fuzz`` sets it, ``make test`` takes the small form."""

import os

SEED = int(os.environ.get("LAKEHOUSE_FUZZ_SEED", "20261123"))
EVENTS = int(os.environ.get("LAKEHOUSE_FUZZ_EVENTS", "600"))
"""Events that shops send in a round; about half of them are accepted."""
MINUTES = float(os.environ.get("LAKEHOUSE_FUZZ_MINUTES", "0"))
"""Rounds with the next seeds follow until so many minutes are over."""
SEARCH = float(os.environ.get("LAKEHOUSE_FUZZ_SEARCH", "300"))
"""Seconds to look for the smallest culprit of a failure."""
