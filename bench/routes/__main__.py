"""``python -m bench.routes``: measures both hot routes, each in plain ASGI, behind Starlette and behind FastAPI."""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop
from fastapi import FastAPI, Request, Response
from starlette.routing import Route

from bench.routes import driver, insights
from bench.routes.driver import Figure
from lakehouse.http import application
from lakehouse.http.asgi import App, Endpoint
from lakehouse.settings import Settings
from lakehouse.tokens.keys import KeyFolder

REQUESTS = 600
SECONDS_TO_LOAD = 3.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(home=Path(folder) / "home", warehouse="/lakehouse")
        KeyFolder(settings.keys_path).ensure()
        uvloop.run(_insights(settings, Path(folder) / "hdfs"))


async def _insights(settings: Settings, folder: Path) -> None:
    router = insights.application(settings, folder)
    async with router.app.router.lifespan_context(router.app):
        shot = insights.shot(settings)
        await asyncio.sleep(SECONDS_TO_LOAD)
        apps: dict[str, App] = {
            "plain ASGI": router,
            **framed("/v1/merchants/{merchant_id}/metrics", "GET", router.metrics),
        }
        _print("insights: GET /v1/merchants/M/metrics", await driver.measure(apps, shot, REQUESTS))


def framed(template: str, method: str, endpoint: Endpoint) -> dict[str, App]:
    """The same endpoint as a route of Starlette, and its handler as one of FastAPI."""
    starlette = application.create("Starlette", "")
    starlette.router.routes.append(Route(template, endpoint, include_in_schema=False))
    fastapi: FastAPI = application.create("FastAPI", "")

    async def answer(request: Request) -> Response:
        return application.as_starlette(await endpoint.methods[method](request.scope, request.receive))

    fastapi.add_api_route(template, answer, methods=[method], response_class=Response)
    return {"Starlette": starlette, "FastAPI": fastapi}


def _print(title: str, figures: dict[str, Figure]) -> None:
    sys.stdout.write(f"{title}\n")
    for name, figure in figures.items():
        sys.stdout.write(f"  {name:<12}{figure.per_second:>8.0f}/s  p50 {figure.p50_micros:>6.0f} us\n")


if __name__ == "__main__":
    main()
