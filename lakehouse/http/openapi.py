"""Parts of an OpenAPI document that FastAPI cannot derive: routes in plain ASGI, tokens, schemas of ``msgspec``.

In: paths, parameters and schemas as a service describes them. Out: the document that ``/openapi.json`` and ``/docs``
show, complete.
"""

from collections.abc import Iterable
from typing import Any

import msgspec
from fastapi import FastAPI

from lakehouse.http.problems import CONTENT_TYPE, Kind

Json = dict[str, Any]

TEXT: Json = {"type": "string"}
NEEDS_TOKEN: list[dict[str, list[str]]] = [{"token": []}]
"""The ``security`` of an operation."""
_TOKEN = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
ANY_OBJECT: Json = {"type": "object"}
_REFERENCE = "#/components/schemas/{name}"


def extend(app: FastAPI, schemas: Json, paths: Json | None = None, parameters: dict[str, Json] | None = None) -> None:
    """Adds to the document that the application generates; ``paths`` come before those that FastAPI knows."""
    generate = app.openapi

    def document() -> Json:
        if app.openapi_schema is None:
            made = generate()
            made["paths"] = (paths or {}) | made["paths"]
            components = made.setdefault("components", {})
            components.setdefault("schemas", {}).update(schemas)
            components["securitySchemes"] = {"token": _TOKEN}
            if parameters:
                components["parameters"] = parameters
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def reference(name: str) -> Json:
    """To one of the document's schemas."""
    return {"$ref": _REFERENCE.format(name=name)}


def schemas_of(types: Iterable[Any]) -> Json:
    """Of structs and what they hold, by name."""
    _, components = msgspec.json.schema_components(types, ref_template=_REFERENCE)
    return dict(components)


def content(schema: Json, media_type: str = "application/json") -> Json:
    return {media_type: {"schema": schema}}


def response(description: str, schema: Json, media_type: str = "application/json") -> Json:
    return {"description": description, "content": content(schema, media_type)}


def problem_responses(kinds: Iterable[Kind], schema: Json = ANY_OBJECT) -> dict[str, Json]:
    """Problems by status, with what the caller does next. ``schema`` is that of a problem's body."""
    found: dict[str, list[str]] = {}
    for kind in kinds:
        found.setdefault(str(kind.status), []).append(f"{kind.title} (`{kind.type}`). {kind.advice}")
    return {status: response(" ".join(texts), schema, CONTENT_TYPE) for status, texts in found.items()}


def in_path(name: str, description: str | None = None, schema: Json = TEXT) -> Json:
    found = {"name": name, "in": "path", "required": True, "schema": schema}
    return found if description is None else found | {"description": description}


def in_query(name: str, description: str, schema: Json = TEXT, **more: Any) -> Json:
    """``more``: for example ``required`` and ``example``."""
    return {"name": name, "in": "query", "description": description, "schema": schema, **more}
