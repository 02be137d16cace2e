"""Every setting of every service, in one tree, from the environment.

In: environment variables with the prefix ``LAKEHOUSE_`` (``__`` between levels, as in
``LAKEHOUSE_EDGE__QUOTA_EVENTS_PER_SECOND``). Out: one frozen :class:`Settings`, built once in each ``main`` and
passed down. A wrong value stops the start with a sentence that names the variable.
"""

import math
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from lakehouse.errors import RefusedError


class Section(BaseModel):
    """A branch of the settings tree: frozen, and strict about names."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Ports(Section):
    """TCP ports on loopback, all counted from one base so that two stacks can run side by side."""

    base: int

    @property
    def edge(self) -> int:
        return self.base

    @property
    def insights(self) -> int:
        return self.base + 1

    @property
    def trino(self) -> int:
        return self.base + 2

    @property
    def namenode(self) -> int:
        return self.base + 3

    @property
    def namenode_http(self) -> int:
        return self.base + 4

    @property
    def datanode(self) -> int:
        return self.base + 5

    @property
    def datanode_http(self) -> int:
        return self.base + 6

    @property
    def datanode_ipc(self) -> int:
        return self.base + 7

    @property
    def kafka(self) -> int:
        return self.base + 8

    @property
    def kafka_controller(self) -> int:
        return self.base + 9

    @property
    def supervisor(self) -> int:
        return self.base + 10

    @property
    def streaming(self) -> int:
        return self.base + 11

    @property
    def transform(self) -> int:
        return self.base + 12


_ADDRESS = r"[^\s:,/]+:\d{1,5}"
Address = Annotated[str, StringConstraints(pattern=rf"^{_ADDRESS}$")]
"""HOST:PORT."""
Addresses = Annotated[str, StringConstraints(pattern=rf"^{_ADDRESS}(,{_ADDRESS})*$")]
"""HOST:PORT, or several with commas between them."""


class AddressSettings(Section):
    """Where the parts are that run elsewhere. One without an address is on this machine, at the stack's port."""

    kafka: Addresses | None = None
    hdfs: Address | None = None
    namenode_http: Address | None = None
    trino: Address | None = None
    edge: Address | None = None
    streaming: Address | None = None
    transform: Address | None = None
    insights: Address | None = None


class EdgeSettings(Section):
    """The HTTP edge (contract 1)."""

    name: str = "edge-1"
    workers: int = Field(default=1, ge=1, le=256)
    """Processes that share the port, for one core each."""
    max_body_bytes: int = 1 << 20
    max_event_bytes: int = 64 << 10
    max_batch_events: int = 1000
    max_json_depth: int = 32
    max_requests_at_work: int = Field(default=2000, ge=1)
    """Requests whose events are being made durable; while there are more, others get 503 at once."""
    max_future: timedelta = Field(default=timedelta(hours=1), ge=timedelta(0), le=timedelta(days=1))
    """No more than a day: keys that hash personal ids are listed two days before the events that they hash."""
    quota_events_per_second: int = 20_000
    quota_bytes_per_second: int = 20_000_000
    allow_disk_durability: bool = True
    hash_personal_ids: bool = True
    kafka_ack_timeout: timedelta = timedelta(seconds=5)
    disk_reserve_bytes: int = Field(default=64 << 20, ge=0)
    """What is kept free on the edge's disk for what ends an outage; with less, no event is taken."""
    segment_max_bytes: int = 64 << 20
    segment_max_age: timedelta = timedelta(seconds=30)
    low_mark_interval: timedelta = timedelta(seconds=10)
    max_clock_skew: timedelta = timedelta(seconds=30)


class StreamingSettings(Section):
    """Kafka to bronze."""

    trigger_interval: timedelta = timedelta(seconds=5)
    max_records_per_batch: int = 5_000
    """What Spark takes from Kafka at a time. A commit has at most 128 MiB of it (``streaming/batch_parts.py``)."""
    driver_memory: str = "1g"


class TransformSettings(Section):
    """The live cycle: bronze to silver to gold to a release."""

    interval: timedelta = timedelta(seconds=15)
    max_rows_per_cycle: int = Field(default=500_000, ge=1)
    """A cycle takes no further bronze commit beyond so many rows. What Trino cannot hold is tried again by halves."""
    longest_cycle: timedelta = timedelta(minutes=10)
    grace: timedelta = timedelta(minutes=10)
    edge_silent_after: timedelta = timedelta(minutes=10)
    order_repeat_days: int = 35


class ReleaseSettings(Section):
    """What becomes of releases and gold versions, and how history is rebuilt."""

    retention: timedelta = timedelta(days=90)
    """So long every release stays readable, from the instant at which another took its place."""
    silver_window: timedelta = timedelta(days=1)
    """So long silver stays readable as it was; SQL on silver is pinned to the current release."""
    vacuum_margin: timedelta = timedelta(hours=1)
    """A vacuum takes no file that is younger: it may belong to a writer or reader that is at work."""
    slice_rows: int = Field(default=2_500_000, ge=1)
    """About how many bronze rows a reprocess builds at a time: what one Trino query holds in memory (a query may take
    30 % of the heap), and what is built again after a kill. Each slice has a price of its own, and what Trino cannot
    hold is tried again by halves: so rather many than few."""
    feed_every: timedelta = timedelta(minutes=1)
    """How often versions that are not current (candidates, and those promoted away) are brought up to date."""
    feed_former: timedelta = timedelta(days=7)
    """So long a version that was promoted away is kept up to date, so that a rollback to it is fresh."""
    max_change: float = Field(default=math.inf, ge=0)
    """Promote refuses a candidate that changes any metric's total by more than this share, unless that is accepted."""


class InsightsSettings(Section):
    """The insights API (contract 2)."""

    max_values: int = 100_000
    poll_interval: timedelta = timedelta(milliseconds=200)
    warm_versions: int = Field(default=3, ge=0)
    """So many gold versions beside the current one are held in memory, ahead of a promote or rollback to them."""


class TokenSettings(Section):
    """Signed tokens: who issues them and for whom."""

    issuer: str = "merchant-lakehouse"
    audience: str = "merchant-lakehouse"
    default_ttl: timedelta = timedelta(days=30)
    refresh_interval: timedelta = timedelta(seconds=5)
    exchange_interval: timedelta = timedelta(seconds=15)


class Settings(BaseSettings):
    """The whole tree."""

    model_config = SettingsConfigDict(
        env_prefix="LAKEHOUSE_", env_nested_delimiter="__", env_ignore_empty=True, frozen=True, extra="ignore"
    )

    home: Path = Field(default=Path(".lakehouse"), description="State, logs and configuration of one stack.")
    cache: Path = Field(default=Path("~/.cache/merchant-lakehouse"), description="Downloads, shared by all checkouts.")
    port_base: int = Field(default=18000, ge=1024, le=65000, description="The first of the stack's ports.")
    host: str = Field(default="127.0.0.1", description="The address that every server listens on.")
    warehouse: str = Field(default="/lakehouse", description="Root folder on HDFS.")
    trino_memory: str = Field(default="2g", description="Heap of the Trino server.")
    keys: Path | None = Field(default=None, description="Keys and revocations; by itself, a folder of the home.")
    at: AddressSettings = AddressSettings()
    edge: EdgeSettings = EdgeSettings()
    streaming: StreamingSettings = StreamingSettings()
    transform: TransformSettings = TransformSettings()
    releases: ReleaseSettings = ReleaseSettings()
    insights: InsightsSettings = InsightsSettings()
    tokens: TokenSettings = TokenSettings()

    @property
    def ports(self) -> Ports:
        return Ports(base=self.port_base)

    @property
    def hdfs_url(self) -> str:
        """File system root, for example ``hdfs://127.0.0.1:18003``."""
        return f"hdfs://{self.at.hdfs or self._here(self.ports.namenode)}"

    @property
    def warehouse_url(self) -> str:
        """Where everything of this stack lies, for example ``hdfs://127.0.0.1:18003/lakehouse``."""
        return f"{self.hdfs_url}{self.warehouse}"

    @property
    def kafka_bootstrap(self) -> str:
        return self.at.kafka or self._here(self.ports.kafka)

    @property
    def trino_url(self) -> str:
        return f"http://{self.at.trino or self._here(self.ports.trino)}"

    @property
    def trino_address(self) -> tuple[str, int]:
        host, _, port = self.trino_url.removeprefix("http://").rpartition(":")
        return host, int(port)

    @property
    def edge_url(self) -> str:
        return f"http://{self.at.edge or self._here(self.ports.edge)}"

    @property
    def insights_url(self) -> str:
        return f"http://{self.at.insights or self._here(self.ports.insights)}"

    @property
    def streaming_url(self) -> str:
        return f"http://{self.at.streaming or self._here(self.ports.streaming)}"

    @property
    def transform_url(self) -> str:
        return f"http://{self.at.transform or self._here(self.ports.transform)}"

    @property
    def namenode_http_url(self) -> str:
        return f"http://{self.at.namenode_http or self._here(self.ports.namenode_http)}"

    def _here(self, port: int) -> str:
        return f"{self.host}:{port}"

    @property
    def logs(self) -> Path:
        return self.home_path / "logs"

    @property
    def home_path(self) -> Path:
        """``home``, absolute, so that a service may change its working folder."""
        return self.home.expanduser().absolute()

    @property
    def cache_path(self) -> Path:
        return self.cache.expanduser().absolute()

    @property
    def keys_path(self) -> Path:
        """Signing key (issuer only), public keys and revocations."""
        return self.keys.expanduser().absolute() if self.keys is not None else self.home_path / "keys"

    @property
    def java_home(self) -> Path:
        """A ``JAVA_HOME`` for Spark, made by ``lakehouse up``."""
        return self.home_path / "run" / "java-home"

    @property
    def spark_jars(self) -> Path:
        """The folder of jars that Spark needs beside pyspark's own, made by ``lakehouse up``."""
        return self.home_path / "run" / "spark-jars"


def load_settings() -> Settings:
    """The settings of this process; raises :class:`RefusedError` with a sentence for each wrong variable."""
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"LAKEHOUSE_{'__'.join(map(str, each['loc'])).upper()}: {each['msg']}" for each in error.errors()]
        raise RefusedError("Wrong settings in the environment: " + "; ".join(wrong)) from error
