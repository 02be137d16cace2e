"""The report ``hot-routes``: both hot routes in plain ASGI, behind Starlette and behind FastAPI."""

import asyncio
import tempfile
from collections.abc import Callable
from pathlib import Path

import uvloop
from fastapi import Request, Response
from starlette.routing import Route

from bench.figures import Bar, Figure
from bench.report import Report, shown
from bench.rounds import spread
from bench.routes import driver, edge, insights
from bench.routes.driver import Rounds
from lakehouse.http import application
from lakehouse.http.asgi import App, Endpoint, as_starlette
from lakehouse.settings import Settings
from lakehouse.tokens.keys import KeyFolder

REQUESTS = 300
"""A round."""
BATCHES = {1: REQUESTS, 100: REQUESTS // 5}
"""By page views of a request to the edge: its requests a round."""
PLAIN = "plain ASGI"
SECONDS_TO_LOAD = 3.0

Measured = dict[str, dict[str, Rounds]]


def run(rounds: int, say: Callable[[str], None]) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        measured = uvloop.run(_edge(Path(folder) / "edge", rounds, say))
        measured |= uvloop.run(_insights(Path(folder) / "insights", rounds, say))
    return Report(
        name="hot-routes",
        title="What a framework costs around a hot route",
        method=(
            "One process, no socket and no server: a driver calls the ASGI applications, one request after the other. "
            "The same handler is called directly, as a route of Starlette, and as a handler of FastAPI. They take "
            f"turns, {rounds} rounds of {REQUESTS} requests ({BATCHES[100]} of 100 events) after one that does not "
            "count; a round's figure is the median of its requests. Kafka acknowledges at once. The insights API "
            "answers a week by the hour, two metrics, JSON."
        ),
        figures=[figure for at, by_app in measured.items() for figure in _figures(at, by_app)],
        bars=[_bar(at, by_app) for at, by_app in measured.items() if "100" not in at],
        notes=["`least` is what the code costs; what else ran on the machine is in `median` and `most`."],
    )


async def _edge(home: Path, rounds: int, say: Callable[[str], None]) -> Measured:
    app, settings = edge.application(home)
    found: Measured = {}
    async with app.rest.router.lifespan_context(app.rest):
        edge.take_kafka_at_its_word(app)
        assert app.events is not None
        apps: dict[str, App] = {PLAIN: app, **framed(edge.PATH, "POST", app.events)}
        for events, requests in BATCHES.items():
            say(f"the edge, {events} events a request")
            shot = edge.shot(settings, events)
            found[f"POST {edge.PATH}, {events}"] = await driver.measure(apps, shot, requests, rounds)
    return found


async def _insights(home: Path, rounds: int, say: Callable[[str], None]) -> Measured:
    settings = Settings(home=home, warehouse="/lakehouse")
    KeyFolder(settings.keys_path).ensure()
    router = insights.application(settings, home / "hdfs")
    async with router.app.router.lifespan_context(router.app):
        await asyncio.sleep(SECONDS_TO_LOAD)
        say("the insights API, a week by the hour")
        apps: dict[str, App] = {PLAIN: router, **framed(insights.TEMPLATE, "GET", router.metrics)}
        shot = insights.shot(settings)
        return {f"GET {insights.TEMPLATE}": await driver.measure(apps, shot, REQUESTS, rounds)}


def framed(template: str, method: str, endpoint: Endpoint) -> dict[str, App]:
    """The same endpoint as a route of Starlette, and its handler as one of FastAPI."""
    starlette, fastapi = (application.create(name, "") for name in ("Starlette", "FastAPI"))
    starlette.router.routes.append(Route(template, endpoint, include_in_schema=False))

    async def answer(request: Request) -> Response:
        return as_starlette(await endpoint.methods[method](request.scope, request.receive))

    fastapi.add_api_route(template, answer, methods=[method], response_class=Response)
    return {"Starlette": starlette, "FastAPI": fastapi}


def _figures(at: str, by_app: dict[str, Rounds]) -> list[Figure]:
    return [
        figure
        for name, rounds in by_app.items()
        for figure in (
            Figure(name, "a request", "µs", spread(rounds.micros), at),
            Figure(name, "requests", "a second", spread(rounds.per_second), at),
        )
    ]


def _bar(at: str, by_app: dict[str, Rounds]) -> Bar:
    plain, *others = (min(rounds.micros) for rounds in by_app.values())
    return Bar(
        f"{at}: a framework would add a tenth or more to a request",
        f"{shown(plain)} µs, and at least {shown(min(others))}",
        min(others) >= 1.1 * plain,
    )
