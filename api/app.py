"""Builds the insights API (contract 2) from its settings. Nothing is connected before the application starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import openapi, web
from api.copies import Copies
from api.facts import Facts
from api.front import Front
from api.gold_files import GoldFiles
from api.numbers import Numbers
from api.observe import Observed
from api.prospects import Prospects
from api.restated import Restated
from api.restatements import Restatements
from api.visible import Visible
from api.warm import Warmer
from lakehouse import problem_pages
from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import Settings
from lakehouse.tokens import Verifier


def create_app(settings: Settings) -> Front:
    """The application over HDFS."""
    return assemble(settings, HdfsFiles(settings.hdfs_url), settings.hdfs_url)


def assemble(settings: Settings, files: Files, root_url: str) -> Front:
    """The application over any file system; ``root_url`` is what Delta calls its root."""
    layout = Layout(settings.warehouse)
    gold, prospects = GoldFiles(files, root_url), Prospects(files, layout)
    copies, retention = Copies(gold), settings.releases.retention
    visible = Visible(ReleaseLog(files, layout), copies, prospects, retention, settings.insights.poll_interval)
    warmer = Warmer(visible, copies, prospects, settings.insights.warm_versions, retention)
    restated = Restated(files, layout, gold, visible)
    observed = Observed()
    numbers = Numbers(visible, Verifier(settings), settings)
    feed = Restatements(numbers, visible, restated)
    return Front(numbers, feed, Facts(visible, warmer, observed), observed, _pages(copies, visible, restated, warmer))


def _pages(copies: Copies, *running: Visible | Restated | Warmer) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in running]
        yield
        copies.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app: FastAPI = FastAPIOffline(
        title="Insights",
        version="1",
        description=openapi.DESCRIPTION,
        redoc_url=None,
        lifespan=lifespan,
    )
    problem_pages.install(app)
    web.install(app)
    openapi.install(app)
    return app
