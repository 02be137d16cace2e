"""Builds the insights API (contract 2) from its settings. Nothing is connected before the application starts."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from api import web
from api.http import openapi
from api.http.merchant_routes import MerchantRoutes
from api.http.public_routes import PublicRoutes
from api.http.router import Router
from api.http.telemetry import Telemetry
from api.serving.cache_warmer import CacheWarmer
from api.serving.gold_files import GoldFiles
from api.serving.release_views import ReleaseViews
from api.serving.restatement_store import RestatementStore
from api.serving.standby_candidates import StandbyCandidates
from api.serving.table_cache import TableCache
from lakehouse.clients.files import Files, HdfsFiles
from lakehouse.contracts.layout import Layout
from lakehouse.http import application
from lakehouse.releases.log import ReleaseLog
from lakehouse.settings import Settings
from lakehouse.tokens import Verifier


def create_app(settings: Settings) -> Router:
    """The application over HDFS."""
    return assemble(settings, HdfsFiles(settings.hdfs_url), settings.hdfs_url)


def assemble(settings: Settings, files: Files, root_url: str) -> Router:
    """The application over any file system; ``root_url`` is what Delta calls its root."""
    layout = Layout(settings.warehouse)
    gold, candidates = GoldFiles(files, root_url), StandbyCandidates(files, layout)
    cache, retention = TableCache(gold), settings.releases.retention
    views = ReleaseViews(ReleaseLog(files, layout), cache, candidates, retention, settings.insights.poll_interval)
    warmer = CacheWarmer(views, cache, candidates, settings.insights.warm_versions, retention)
    restatements = RestatementStore(files, layout, gold, views)
    telemetry = Telemetry()
    merchant = MerchantRoutes(views, restatements, Verifier(settings), settings)
    public = PublicRoutes(views, warmer, telemetry)
    return Router(_pages(cache, views, restatements, warmer), merchant, public, telemetry)


def _pages(cache: TableCache, *running: ReleaseViews | RestatementStore | CacheWarmer) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one.run()) for one in running]
        yield
        cache.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    app = application.create("Insights", openapi.DESCRIPTION, lifespan)
    web.install(app)
    openapi.install(app)
    return app
