"""The OpenAPI document of the ops API, from its table of routes: handlers take a request as it is.

In: a route. Out: its operation, and the schemas of all bodies, derived from the types that read them.
"""

from typing import Any

import msgspec
from fastapi import FastAPI

from lakehouse.http.openapi import problem_responses as responses
from lakehouse.http.problems import Kind
from lakehouse.transform.ops_api.routes import Route

Document = dict[str, Any]
_ALWAYS = (
    Kind.UNAUTHORIZED,
    Kind.FORBIDDEN,
    Kind.TIMEOUT,
    Kind.TOO_LARGE,
    Kind.BAD_PARAMETER,
    Kind.INTERNAL,
    Kind.UNAVAILABLE,
)
"""How any request may fail; one that should have no body may have one."""
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key again gets the same operation, so that a request may be repeated.",
}


def operation(route: Route) -> Document:
    """What FastAPI cannot see."""
    names = [part[1:-1] for part in route.path.split("/") if part.startswith("{")]
    found: Document = {
        "security": [{"token": []}],
        "parameters": [*map(_in_path, names), *(_in_query(name, text) for name, text in route.query)],
        "responses": responses((*_ALWAYS, *route.kinds)) | {_success(route): {"description": route.answers}},
    }
    if route.takes is not None:
        found["requestBody"] = {"required": True, "content": {route.media_type: {"schema": _schema(route.takes)}}}
        found["parameters"] += [_KEY] if route.takes is not bytes else []
    return found


def describe(app: FastAPI, routes: tuple[Route, ...]) -> None:
    """Adds what the operations refer to."""
    generate = app.openapi
    types = [route.takes for route in routes if route.takes not in (None, bytes)]
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    for schema in (schema for schema in schemas.values() if "properties" in schema):
        schema["properties"].pop("verb", None)
        schema["required"] = [name for name in schema.get("required", []) if name != "verb"]

    def openapi() -> Document:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {}).update(schemas)
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
        return document

    app.openapi = openapi  # type: ignore[method-assign]


def _success(route: Route) -> str:
    return route.answers[:3] if route.answers[:3].isdigit() else "200"


def _schema(takes: type) -> Document:
    if takes is bytes:
        return {"type": "string", "format": "binary"}
    return {"$ref": f"#/components/schemas/{takes.__name__}"}


def _in_path(name: str) -> Document:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(name: str, text: str) -> Document:
    return {"name": name, "in": "query", "schema": {"type": "integer", "minimum": 1}, "description": text}
