"""One Trino server, coordinator and worker in one, with the catalog ``lake``: configuration and command.

Promise: silver and gold are Delta tables on HDFS that Trino alone writes, without deletion vectors, and each commit
is exclusive (see ``lakehouse/trino_plugin``). Who may write says ``trino_access``, whose queries wait ``trino_groups``.
"""

import json
from pathlib import Path

from compose.local import hdfs, java, trino_access, trino_groups
from compose.local.program import BACKGROUND, Layout, Program, properties
from lakehouse.contracts.tables import CATALOG
from lakehouse.settings import Settings

# What the server's own launcher passes, less its native agent.
_JVM = (
    "-XX:+UseG1GC",
    "-XX:+ExplicitGCInvokesConcurrent",
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-OmitStackTraceInFastThrow",
    "-XX:ReservedCodeCacheSize=256M",
    "-XX:PerMethodRecompilationCutoff=10000",
    "-XX:PerBytecodeRecompilationCutoff=10000",
    "-Djdk.attach.allowAttachSelf=true",
    "-Djol.skipHotspotSAAttach=true",
    "-Djdk.nio.maxCachedBufferSize=2000000",
    "-Dfile.encoding=UTF-8",
    "-Duser.timezone=UTC",
    "-XX:+EnableDynamicAgentLoading",
    "--enable-native-access=ALL-UNNAMED",
    "--sun-misc-unsafe-memory-access=allow",
)


def render(settings: Settings, plugins: Path) -> dict[str, str]:
    """The configuration files, by name."""
    etc = _etc(settings)
    config = {
        "coordinator": "true",
        "node-scheduler.include-coordinator": "true",
        "http-server.http.port": settings.ports.trino,
        "discovery.uri": settings.trino_url,
        "plugin.dir": plugins,
        "catalog.config-dir": etc / "catalog",
        "catalog.management": "static",
        "access-control.config-files": etc / "access-control.properties",
        "query.max-history": 200,
        "query.min-expire-age": "5m",
        "http-server.log.enabled": "false",
    }
    return {
        "config.properties": properties(config),
        "log.properties": "io.trino=INFO\n",
        "access-control.properties": properties(
            {"access-control.name": "file", "security.config-file": etc / "access-rules.json"}
        ),
        "access-rules.json": json.dumps(trino_access.rules(), indent=2),
        # The server finds this one at a fixed place below its working folder.
        "etc/resource-groups.properties": properties(
            {
                "resource-groups.configuration-manager": "file",
                "resource-groups.config-file": etc / "resource-groups.json",
            }
        ),
        "resource-groups.json": json.dumps(trino_groups.groups(), indent=2),
        f"catalog/{CATALOG}.properties": properties(catalog(settings)),
        "hadoop/core-site.xml": hdfs.site({**hdfs.core_site(settings), **_RENAMING}),
        "hadoop/hdfs-site.xml": hdfs.site(hdfs.hdfs_site(settings)),
    }


_RENAMING = {"fs.hdfs.impl": "org.merchantlakehouse.hdfs.RenamingDistributedFileSystem"}


def catalog(settings: Settings) -> dict[str, object]:
    """The catalog of Delta tables on HDFS. Its metastore is files on HDFS: good for one server, and only one."""
    hadoop = _etc(settings) / "hadoop"
    return {
        "connector.name": "delta_lake_hdfs",
        "fs.hadoop.enabled": "true",
        "hive.config.resources": f"{hadoop}/core-site.xml,{hadoop}/hdfs-site.xml",
        "hive.metastore": "file",
        "hive.metastore.catalog.dir": f"{settings.warehouse_url}/catalog",
        "hive.metastore.disable-location-checks": "true",
        "delta.register-table-procedure.enabled": "true",
        "delta.dynamic-filtering.wait-timeout": "5s",
        # Silver and gold are partitioned by month; events may be dated from 2000 on.
        "delta.max-partitions-per-writer": "1000",
        "delta.deletion-vectors-enabled": "false",
        # Maintenance decides by the release log what may go; it must not be held up by a second opinion.
        "delta.vacuum.min-retention": "0s",
    }


def programs(settings: Settings, server: Path) -> tuple[Program, ...]:
    """The server."""
    etc, memory = _etc(settings), settings.trino_memory
    node = {
        "config": etc / "config.properties",
        "log.levels-file": etc / "log.properties",
        "node.id": "trino-1",
        "node.environment": "lakehouse",
        "node.data-dir": Layout(settings.home_path).data("trino"),
        "node.bind-ip": settings.host,
        "node.internal-address": settings.host,
    }
    options = [f"-D{name}={value}" for name, value in node.items()]
    command = (
        java.java(),
        f"-Xmx{memory}",
        *_JVM,
        "-cp",
        f"{server / 'lib'}/*",
        *options,
        "io.trino.server.TrinoServer",
    )
    ports = (settings.ports.trino,)
    return (Program("trino", "trino", command, 40, ports, hdfs.USER, folder=etc, niceness=BACKGROUND),)


def _etc(settings: Settings) -> Path:
    return Layout(settings.home_path).etc / "trino"
