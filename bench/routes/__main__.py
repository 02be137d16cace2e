"""``python -m bench.routes``: measures both hot routes, each in plain ASGI, behind Starlette and behind FastAPI."""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop
from fastapi import Request, Response
from starlette.routing import Route

from bench.routes import driver, edge, insights
from bench.routes.driver import Figure
from lakehouse.http import application
from lakehouse.http.asgi import App, Endpoint
from lakehouse.settings import Settings
from lakehouse.tokens.keys import KeyFolder

REQUESTS = 300
"""A round."""
BATCHES = {1: REQUESTS, 100: REQUESTS // 5}
"""By events of a request to the edge: its requests a round."""
SECONDS_TO_LOAD = 3.0


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        uvloop.run(_edge(Path(folder) / "edge"))
        uvloop.run(_insights(Path(folder) / "insights"))


async def _edge(home: Path) -> None:
    app, settings = edge.application(home)
    async with app.rest.router.lifespan_context(app.rest):
        edge.take_kafka_at_its_word(app)
        assert app.events is not None
        apps: dict[str, App] = {"plain ASGI": app, **framed(edge.PATH, "POST", app.events)}
        for events, requests in BATCHES.items():
            figures = await driver.measure(apps, edge.shot(settings, events), requests)
            _print(f"edge: POST {edge.PATH}, {events} page views", figures)


async def _insights(home: Path) -> None:
    settings = Settings(home=home, warehouse="/lakehouse")
    KeyFolder(settings.keys_path).ensure()
    router = insights.application(settings, home / "hdfs")
    async with router.app.router.lifespan_context(router.app):
        await asyncio.sleep(SECONDS_TO_LOAD)
        apps: dict[str, App] = {"plain ASGI": router, **framed(insights.TEMPLATE, "GET", router.metrics)}
        figures = await driver.measure(apps, insights.shot(settings), REQUESTS)
        _print(f"insights: GET {insights.TEMPLATE}, a week by the hour", figures)


def framed(template: str, method: str, endpoint: Endpoint) -> dict[str, App]:
    """The same endpoint as a route of Starlette, and its handler as one of FastAPI."""
    starlette, fastapi = (application.create(name, "") for name in ("Starlette", "FastAPI"))
    starlette.router.routes.append(Route(template, endpoint, include_in_schema=False))

    async def answer(request: Request) -> Response:
        return application.as_starlette(await endpoint.methods[method](request.scope, request.receive))

    fastapi.add_api_route(template, answer, methods=[method], response_class=Response)
    return {"Starlette": starlette, "FastAPI": fastapi}


def _print(title: str, figures: dict[str, Figure]) -> None:
    sys.stdout.write(f"{title}\n")
    for name, figure in figures.items():
        sys.stdout.write(f"  {name:<12}{figure.per_second:>8,.0f}/s  p50 {figure.p50_micros:>6,.0f} us\n")


if __name__ == "__main__":
    main()
