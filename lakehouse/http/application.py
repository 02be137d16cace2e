"""A FastAPI application as every service has it.

In: what it says of itself. Out: an application whose errors are problems, with ``/problems``, and ``/docs`` that load
nothing from a foreign host.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lakehouse.http import problem_pages

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create(title: str, description: str, lifespan: Lifespan | None = None) -> FastAPI:
    app: FastAPI = FastAPIOffline(
        title=title, version="1", description=description, redoc_url=None, lifespan=lifespan, redirect_slashes=False
    )
    app.add_middleware(HeadAsGet)
    problem_pages.install(app)
    return app


class HeadAsGet:
    """``HEAD`` is answered wherever ``GET`` is, by the same route, without the body (RFC 9110)."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            await send({**message, "body": b""} if message["type"] == "http.response.body" else message)

        await self._app({**scope, "method": "GET"}, receive, without_body)
