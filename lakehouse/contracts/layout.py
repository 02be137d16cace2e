"""Where things lie on HDFS, under the warehouse's root. Paths are absolute, without scheme and host."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """All folders and files of one warehouse.

    ``root`` is ``settings.warehouse``, for example ``/lakehouse``.
    """

    root: str

    @property
    def staging(self) -> str:
        """Files that are not published yet. A rename out of here publishes."""
        return f"{self.root}/_staging"

    def raw_folder(self, date: str) -> str:
        """Raw files of segments whose first event was accepted on ``date`` (``2026-11-23``)."""
        return f"{self.raw}/{date}"

    @property
    def raw(self) -> str:
        return f"{self.root}/raw"

    def raw_file(self, date: str, segment: str) -> str:
        return f"{self.raw_folder(date)}/{segment}.ndjson"

    def raw_manifest(self, date: str, segment: str) -> str:
        return f"{self.raw_folder(date)}/{segment}.manifest.json"

    @property
    def edges(self) -> str:
        return f"{self.root}/edges"

    def edge_ledger(self, edge: str, incarnation: str) -> str:
        return f"{self.edges}/{edge}/{incarnation}.json"

    def bronze(self, generation: int) -> str:
        """The bronze events table of a generation."""
        return f"{self.root}/bronze/g{generation}/events"

    def quarantine(self, generation: int) -> str:
        return f"{self.root}/bronze/g{generation}/quarantine"

    def bronze_epochs(self, generation: int) -> str:
        """One entry per takeover of the bronze writer, named by its number."""
        return f"{self.root}/bronze/g{generation}/epochs"

    def bronze_lease(self, generation: int) -> str:
        """What the bronze writer renews while it lives, so that a second one stands by."""
        return f"{self.root}/bronze/g{generation}/lease.json"

    @property
    def definitions(self) -> str:
        return f"{self.root}/definitions"

    def definition(self, fingerprint: str) -> str:
        """The frozen dbt project of a definition, a tar archive."""
        return f"{self.definitions}/{fingerprint}.tar"

    @property
    def gold_versions(self) -> str:
        return f"{self.root}/gold_versions"

    def gold_version(self, version: int) -> str:
        return f"{self.gold_versions}/{version}"

    def gold_version_manifest(self, version: int) -> str:
        return f"{self.gold_version(version)}/version.json"

    def gold_version_drop(self, version: int) -> str:
        """There once an operator has dropped the version."""
        return f"{self.gold_version(version)}/dropped.json"

    def version_schema(self, version: int, layer: str) -> str:
        """Folder of the physical ``silver`` or ``gold`` tables of a version."""
        return f"{self.gold_version(version)}/{layer}"

    def snapshots(self, version: int) -> str:
        return f"{self.gold_version(version)}/snapshots"

    def snapshot(self, version: int, number: int) -> str:
        return f"{self.snapshots(version)}/{number}.json"

    @property
    def releases(self) -> str:
        return f"{self.root}/releases"

    def release(self, number: int) -> str:
        return f"{self.releases}/{number}"

    def release_manifest(self, number: int) -> str:
        return f"{self.release(number)}/manifest.json"
