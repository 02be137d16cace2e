"""What sqlfluff puts in the place of dbt while it renders the project without Trino (``.sqlfluff``).

In: ``dbt_project.yml``. Out: its variables, and a build that finds its own tables, so that what an incremental build
reads is looked at as well.
"""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec

_VARIABLES: dict[str, Any] = msgspec.yaml.decode(Path("dbt_project/dbt_project.yml").read_bytes())["vars"]

flags = SimpleNamespace(FULL_REFRESH=False)
target = SimpleNamespace(name="trino", database="lake", schema="sandbox")
adapter = SimpleNamespace(get_relation=lambda database, schema, identifier: f"{schema}.{identifier}")


def var(name: str, default: object = None) -> object:
    return _VARIABLES.get(name, default)


def generate_schema_name(layer: str, node: object) -> str:
    return layer
