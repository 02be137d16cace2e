"""Values as the models' SQL writes them. Pure."""

from datetime import UTC, datetime


def timestamp(micros: int | None) -> str:
    """An instant as a Trino timestamp literal names it, to the millisecond; '' for None."""
    if micros is None:
        return ""
    return (
        datetime.fromtimestamp(micros / 1_000_000, UTC).strftime("%Y-%m-%d %H:%M:%S.")
        + f"{micros // 1000 % 1000:03} UTC"
    )
