"""Problems in a FastAPI application: the published list, and handlers that turn every error into one.

In: a FastAPI application. Out: the same with ``GET /problems``, ``GET /problems/{slug}``, and no error
answer that is not ``application/problem+json``.
"""

import logging
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from lakehouse.http import openapi
from lakehouse.http.asgi import as_starlette, problem_response
from lakehouse.http.problems import CONTENT_TYPE, Kind, ProblemError, internal_error

_BY_STATUS = {
    404: Kind.NOT_FOUND,
    406: Kind.NOT_ACCEPTABLE,
    413: Kind.TOO_LARGE,
    415: Kind.UNSUPPORTED_MEDIA_TYPE,
    503: Kind.UNAVAILABLE,
}
_SHOW_FAILS: dict[int | str, dict[str, Any]] = {
    404: openapi.problem_responses([Kind.NOT_FOUND])["404"],
    "default": openapi.response("Any other problem (RFC 9457).", openapi.ANY_OBJECT, CONTENT_TYPE),
}
"""With a default, FastAPI does not claim a 422 of its own form, which is never sent."""
_log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Adds the pages and the handlers."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(Exception, _on_any)
    app.add_api_route("/problems", _list, methods=["GET"], tags=["problems"], summary="All types of problems")
    app.add_api_route(
        "/problems/{slug}",
        _show,
        methods=["GET"],
        tags=["problems"],
        summary="One type of problem",
        responses=_SHOW_FAILS,
    )


def _respond(problem: ProblemError) -> Response:
    return as_starlette(problem_response(problem))


def _row(kind: Kind) -> dict[str, str | int]:
    return {"type": kind.type, "status": kind.status, "title": kind.title, "advice": kind.advice}


async def _list() -> dict[str, list[dict[str, str | int]]]:
    return {"problems": [_row(kind) for kind in Kind]}


async def _show(slug: str) -> dict[str, str | int]:
    for kind in Kind:
        if kind.slug == slug:
            return _row(kind)
    raise ProblemError(Kind.NOT_FOUND, f"there is no problem type {slug!r}; see /problems")


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)
    return _respond(error)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 405:
        return _respond(_method_not_allowed((error.headers or {}).get("Allow", "")))
    fallback = Kind.BAD_PARAMETER if error.status_code < 500 else Kind.INTERNAL
    kind = _BY_STATUS.get(error.status_code, fallback)
    detail = f"{request.method} {request.url.path}: {error.detail}"
    return _respond(ProblemError(kind, detail, headers=dict(error.headers or {})))


def _method_not_allowed(allow: str) -> ProblemError:
    """Where ``GET`` is allowed, ``HEAD`` is."""
    allowed = sorted({name.strip() for name in allow.split(",")} | ({"HEAD"} if "GET" in allow else set()))
    use = next((name for name in allowed if name != "HEAD"), "GET")
    return ProblemError(Kind.METHOD_NOT_ALLOWED, f"use {use}", headers={"Allow": ", ".join(allowed)})


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first.get("loc", ()))
    return _respond(ProblemError(Kind.BAD_PARAMETER, f"{place}: {first.get('msg', 'is wrong')}"))


async def _on_any(request: Request, error: Exception) -> Response:
    _log.exception("request failed: %s %s", request.method, request.url.path, exc_info=error)
    return _respond(internal_error())
