"""Apache Camel as its users run it by itself: ``camel-main``, which reads a route in YAML. Nothing is compiled.

In: ``camel/artifacts.lock``. Out: a class path in the cache of downloads, each file checked against the lock; and the
command of a collector. ``python -m bench.ingestion.peers.apache_camel`` makes the lock anew.
"""

from pathlib import Path

from compose.local import artifacts, fetch, java, lock
from compose.local.ivy import Report

HERE = Path(__file__).parent / "camel"
IVY_FILE, LOCK_FILE, ROUTES = HERE / "ivy.xml", HERE / "artifacts.lock", HERE / "routes.yaml"
CONFIGURATION = "camel"
HEAP = "-Xmx768m"
"""Of the gigabyte that a contender may have; the rest is for buffers, code and stacks."""


def ensure(cache: Path, report: Report) -> Path:
    """The folder of jars, fetched where it is not there yet; raises ArtifactError where it cannot be had."""
    return fetch.ensure_one(cache, CONFIGURATION, artifacts.read_lock(LOCK_FILE).get(CONFIGURATION, ()), report)


def command(jars: Path) -> list[str]:
    settings = [f"-Dcamel.main.routesIncludePattern=file:{ROUTES}", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
    return [java.java(), HEAP, "-cp", f"{jars}/*", *settings, "org.apache.camel.main.Main"]


def environment(address: str, kafka: str, topic: str) -> dict[str, str]:
    """What the route reads."""
    return {"PEER_ADDRESS": address, "PEER_KAFKA": kafka, "PEER_TOPIC": topic}


if __name__ == "__main__":
    lock.write(IVY_FILE, LOCK_FILE, (CONFIGURATION,))
