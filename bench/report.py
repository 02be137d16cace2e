"""A benchmark's report: what was measured, beside whom, against which bar. As Markdown, as JSON and as a picture.

In: figures and bars. Out: three files of one name. The reader finds the median, the least and the most of each figure,
and how it was measured.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from bench import machine, plot
from bench.course import Course, picture
from bench.figures import Bar, Figure


@dataclass(frozen=True)
class Table:
    """What belongs side by side, under a heading of its own."""

    title: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]]


@dataclass
class Report:
    """``method`` is prose: sizes, rounds, where the loads come from."""

    name: str
    title: str
    method: str
    figures: list[Figure] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    sizes: Mapping[str, int] = field(default_factory=dict)
    tables: list[Table] = field(default_factory=list)
    course: Course | None = None
    """What happened over time: the picture shows this instead of the figures."""

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        at = datetime.now(UTC).replace(microsecond=0).isoformat()
        (folder / f"{self.name}.json").write_text(
            json.dumps({"measured_at": at, "machine": machine.facts(), **asdict(self)}, indent=2) + "\n"
        )
        drawn = picture(self.title, self.course) if self.course else plot.bars(self.title, self.figures)
        (folder / f"{self.name}.svg").write_text(drawn)
        page = folder / f"{self.name}.md"
        page.write_text(self._markdown(at))
        return page

    def _markdown(self, at: str) -> str:
        told = ", ".join(f"{name} {value}" for name, value in machine.facts().items())
        lines = [f"# {self.title}", "", self.method, ""]
        lines += ["| promise | measured | kept |", "|---|---|---|"]
        lines += [f"| {bar.promise} | {bar.measured} | {'yes' if bar.kept else '**no**'} |" for bar in self.bars]
        lines += ["", "| of | figure | at | median | least | most | samples |", "|---|---|---|---:|---:|---:|---:|"]
        lines += [_row(figure) for figure in self.figures]
        for table in self.tables:
            lines += ["", f"## {table.title}", "", *_table(table)]
        lines += ["", f"![{'The course of it' if self.course else 'The same as a picture'}]({self.name}.svg)", ""]
        lines += [*(f"- {note}" for note in self.notes), "", f"Measured at {at} on: {told}.", ""]
        return "\n".join(lines)


def _table(table: Table) -> list[str]:
    head = [table.columns, tuple("---" for _ in table.columns)]
    return [f"| {' | '.join(row)} |" for row in (*head, *table.rows)]


def _row(figure: Figure) -> str:
    value = figure.value
    cells = " | ".join(shown(number) for number in (value.median, value.least, value.most))
    return f"| {figure.of} | {figure.what}, {figure.unit} | {figure.at} | {cells} | {len(value.samples)} |"


def shown(number: float) -> str:
    """Three digits that matter; thousands apart."""
    if abs(number) >= 100:
        return f"{number:,.0f}"
    return f"{number:.3g}"
