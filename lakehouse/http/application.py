"""A FastAPI application as every service has it.

In: what it says of itself. Out: an application whose errors are problems, with ``/problems``, and ``/docs`` that load
nothing from a foreign host.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from lakehouse.http import problem_pages

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create(title: str, description: str, lifespan: Lifespan | None = None) -> FastAPI:
    app: FastAPI = FastAPIOffline(title=title, version="1", description=description, redoc_url=None, lifespan=lifespan)
    problem_pages.install(app)
    return app
