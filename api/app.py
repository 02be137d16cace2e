"""Builds the insights API (contract 2) from its settings. Nothing is connected before the application starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from fastapi_offline import FastAPIOffline

from api import openapi, web
from api.copies import Copies
from api.facts import Facts
from api.front import Front
from api.gold_files import GoldFiles
from api.numbers import Numbers
from api.observe import Observed
from api.visible import Visible
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
    visible = Visible(
        ReleaseLog(files, layout),
        Copies(GoldFiles(files, root_url)),
        settings.releases.retention,
        settings.insights.poll_interval,
    )
    observed = Observed()
    numbers = Numbers(visible, Verifier(settings), settings)
    return Front(numbers, Facts(visible, observed), observed, _pages(visible))


def _pages(visible: Visible) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        polling = asyncio.create_task(visible.run())
        yield
        polling.cancel()
        with suppress(asyncio.CancelledError):
            await polling

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
