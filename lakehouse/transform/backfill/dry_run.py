"""What a reprocess would do, for an operator who looks before.

In: a request. Out: its plan; nothing is changed, not even the definition is stored. What would be refused is refused.
"""

from lakehouse import instants
from lakehouse.releases.model import Plan
from lakehouse.transform.backfill.plan import Planned, ReprocessRequest, Source, look
from lakehouse.transform.building.builder import Builder
from lakehouse.verb_plan import VerbPlan


def dry_run(builder: Builder, request: ReprocessRequest) -> VerbPlan:
    planned = look(builder, request, stores=False)
    made = planned.plan
    number = planned.version.version if planned.version else max(builder.versions.numbers(), default=0) + 1
    facts = {
        "gold_version": number,
        "is_new": planned.version is None,
        "definition": planned.definition.fingerprint,
        "from": made.source,
        "bronze": {"generation": made.bronze.generation, "delta_version": made.bronze.delta_version},
        "since": _day(made.since),
        "until": _day(made.until),
        "shared": list(made.shared),
        "actor": request.actor,
        "reason": request.reason,
    }
    return VerbPlan("reprocess", (_first(planned, number), *_steps(made)), facts)


def _first(planned: Planned, number: int) -> str:
    is_new, named = planned.version is None, planned.definition.fingerprint[:12]
    begin = "is created" if is_new else "has been planned by the same request, and is taken up again"
    return f"gold version {number} {begin}, of definition {named}"


def _steps(made: Plan) -> list[str]:
    steps = []
    if made.source == Source.RAW:
        steps.append(f"all raw files are made into bronze generation {made.bronze.generation}")
    if made.base is not None and (made.since is not None or made.until is not None):
        days = " and ".join(
            f"{name} {_day(bound)}"
            for name, bound in (("before", made.since), ("from", made.until))
            if bound is not None
        )
        steps.append(f"what lies {days} is copied from gold version {made.base.gold_version}")
    if made.base is not None and made.shared:
        steps.append(f"{', '.join(made.shared)} are shared with gold version {made.base.gold_version}")
    through = "" if made.source == Source.RAW else f", up to commit {made.bronze.delta_version}"
    steps.append(f"history is built in slices from bronze generation {made.bronze.generation}{through}")
    return [*steps, "it catches up with the live line, and stays up to date until it is promoted or dropped"]


def _day(micros: int | None) -> str | None:
    return None if micros is None else instants.from_micros(micros).date().isoformat()
