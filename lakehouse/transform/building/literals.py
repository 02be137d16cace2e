"""Values as the models' SQL writes them. Pure."""

from lakehouse.clients.trino import timestamp_text
from lakehouse.instants import from_micros


def timestamp(micros: int | None) -> str:
    """An instant as a Trino timestamp literal names it, to the millisecond; '' for None."""
    return "" if micros is None else timestamp_text(from_micros(micros))
