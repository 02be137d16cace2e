"""A definition that is wrong in a known way: what refunds and cancellations take back counts twice."""

from pathlib import Path
from shutil import copytree

from lakehouse.transform import definition

_RIGHT = "{{ money('amount_minor') }} - {{ money('shipping_minor') }} - {{ money('tax_minor') }}"


def plant(folder: Path) -> Path:
    """A copy of the project in ``folder``, with the bug."""
    project = folder / "dbt_project"
    copytree(definition.PROJECT, project)
    facts = project / "macros" / "sales_facts_of.sql"
    text = facts.read_text()
    assert text.count(_RIGHT) == 1, "the line that the bug goes into has changed"
    facts.write_text(text.replace(_RIGHT, f"2 * ({_RIGHT})"))
    return project
