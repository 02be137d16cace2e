"""The report ``by-hand``: each piece of code of ours beside the library that would take its place."""

from collections.abc import Callable

from bench.by_hand import json_rules, serving
from bench.figures import Bar, Figure
from bench.report import Report, shown


def run(rows: int, rounds: int, say: Callable[[str], None]) -> Report:
    stores, decoders = serving.measure(rows, rounds, say), json_rules.measure(rounds, say)
    rules = json_rules.kept_rules()
    return Report(
        name="by-hand",
        title="What is written by hand, beside libraries",
        method=(
            f"One process, contenders take turns, {rounds} rounds after one that does not count. Stores hold {rows:,} "
            f"rows of gold in memory; a round asks for {serving.ASKED} merchants' hours of gross sales, the newest row "
            f"of each key up to a snapshot, and all answer alike. Decoders read one order {json_rules.EVENTS:,} times."
        ),
        figures=stores + decoders,
        bars=[_faster(stores, days) for days in ("7 days", "90 days")] + [_keeps_all(rules)],
        notes=[f"{name} keeps of contract 1's rules: {', '.join(kept) or 'none'}." for name, kept in rules.items()],
        sizes={"rows": rows},
    )


def _faster(figures: list[Figure], days: str) -> Bar:
    ours, *others = [figure.value.median for figure in figures if figure.at == days]
    return Bar(
        f"the serving store answers {days} in a tenth of the time of the best library",
        f"{shown(ours)} ms and {shown(min(others))} ms",
        ours * 10 <= min(others),
    )


def _keeps_all(rules: dict[str, list[str]]) -> Bar:
    ours = rules["ours, the fast way"] == rules["ours, the careful way"] == list(json_rules.REFUSED)
    others = max(len(kept) for name, kept in rules.items() if not name.startswith("ours"))
    return Bar(
        "the edge's decoder alone keeps all of contract 1's rules for JSON",
        f"{len(json_rules.REFUSED)}, and at most {others} of a library",
        ours and others < len(json_rules.REFUSED),
    )
