"""Processes that are none, for what starts some."""

from dataclasses import dataclass, field


class Process:
    """``code`` is None while it runs."""

    def __init__(self) -> None:
        self.code: int | None = None

    def poll(self) -> int | None:
        return self.code

    def terminate(self) -> None:
        self.code = -15

    def wait(self) -> int:
        assert self.code is not None
        return self.code


@dataclass
class Started:
    """What has been started, for which order or gold version, and the clock."""

    processes: list[tuple[str, Process]] = field(default_factory=list)
    now: float = 0.0

    def start(self, works_on: str) -> Process:
        self.processes.append((works_on, Process()))
        return self.processes[-1][1]

    @property
    def works_on(self) -> list[str]:
        return [works_on for works_on, _ in self.processes]
