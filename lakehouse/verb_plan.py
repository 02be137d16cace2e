"""What an operator's verb would do: ``--dry-run`` prints it, and over HTTP ``"dry_run": true`` answers it.

In: what a verb has found before it changes anything. Out: sentences for people, JSON for programs. A verb that would be
refused has no plan: making it raises the refusal.
"""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class VerbPlan:
    """``facts`` are the members of the verb's JSON that are known beforehand; ``steps`` come in their order."""

    verb: str
    steps: tuple[str, ...]
    facts: dict[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {"verb": self.verb, "dry_run": True, **self.facts, "steps": list(self.steps)}
