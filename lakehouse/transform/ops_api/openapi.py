"""The OpenAPI document of the ops API, from its table of routes: handlers take a request as it is.

In: a route. Out: its operation, and the schemas of all bodies, derived from the types that read them.
"""

from fastapi import FastAPI

from lakehouse.http.openapi import (
    NEEDS_TOKEN,
    Json,
    content,
    extend,
    in_path,
    in_query,
    problem_responses,
    reference,
    schemas_of,
)
from lakehouse.http.problems import Kind
from lakehouse.transform.ops_api.routes import Route

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
_POSITIVE: Json = {"type": "integer", "minimum": 1}
_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "schema": {"type": "string", "maxLength": 200},
    "description": "The same key again gets the same operation, so that a request may be repeated.",
}


def operation(route: Route) -> Json:
    """What FastAPI cannot see."""
    names = [part[1:-1].partition(":")[0] for part in route.path.split("/") if part.startswith("{")]
    asked = [*(in_query(name, text, _POSITIVE) for name, text in route.query)]
    asked += [in_query(name, text, {"type": "string"}) for name, text in route.texts]
    found: Json = {
        "security": NEEDS_TOKEN,
        "parameters": [*map(in_path, names), *asked],
        "responses": problem_responses((*_ALWAYS, *route.kinds)) | {_success(route): {"description": route.answers}},
    }
    if route.takes is not None:
        found["requestBody"] = {"required": True, "content": content(_schema(route.takes), route.media_type)}
    if route.takes not in (None, bytes):
        found["parameters"].append(_KEY)
    if route.takes not in (None, bytes) and route.plans:
        found["responses"]["200"] = {"description": "With `dry_run`: what would be done; nothing has changed."}
    return found


def describe(app: FastAPI, routes: tuple[Route, ...]) -> None:
    """Adds what the operations refer to."""
    schemas = schemas_of(route.takes for route in routes if route.takes not in (None, bytes))
    for schema in (schema for schema in schemas.values() if "properties" in schema):
        schema["properties"].pop("verb", None)
        schema["required"] = [name for name in schema.get("required", []) if name != "verb"]
    extend(app, schemas)


def _success(route: Route) -> str:
    return route.answers[:3] if route.answers[:3].isdigit() else "200"


def _schema(takes: type) -> Json:
    if takes is bytes:
        return {"type": "string", "format": "binary"}
    return reference(takes.__name__)
