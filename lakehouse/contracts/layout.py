"""Where things lie on HDFS, under the warehouse's root. Paths are absolute, without scheme and host."""

from dataclasses import dataclass
from datetime import date

from lakehouse.contracts.ids import GenerationNumber, GoldVersionNumber, ReleaseNumber, SnapshotNumber
from lakehouse.contracts.records import RawEncoding

RAW_SUFFIXES = {RawEncoding.IDENTITY: ".ndjson", RawEncoding.ZSTD: ".ndjson.zst"}


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

    def raw_file(self, date: str, segment: str, encoding: RawEncoding = RawEncoding.ZSTD) -> str:
        """``encoding`` is what its manifest says."""
        return f"{self.raw_folder(date)}/{segment}{RAW_SUFFIXES[encoding]}"

    def raw_manifest(self, date: str, segment: str) -> str:
        return f"{self.raw_folder(date)}/{segment}.manifest.json"

    @property
    def edges(self) -> str:
        return f"{self.root}/edges"

    @property
    def personal_key(self) -> str:
        """The fingerprint of the first key with which all edges hash personal ids."""
        return f"{self.root}/personal_key.sha256"

    @property
    def personal_keys(self) -> str:
        """The list of the keys that took its place, or will."""
        return f"{self.root}/personal_keys"

    def rotated_key(self, first_day: date) -> str:
        """The entry of the key that hashes events from ``first_day`` on; published once and never changed."""
        return f"{self.personal_keys}/{first_day}.json"

    @property
    def public_keys(self) -> str:
        """The issuer's public keys and revocations, for services on other hosts."""
        return f"{self.root}/public_keys.json"

    def edge_folder(self, edge: str) -> str:
        """Its ledgers that may still change, and what has been retired of it."""
        return f"{self.edges}/{edge}"

    def edge_ledger(self, edge: str, incarnation: str) -> str:
        """What an incarnation states that it has accepted; replaced until it owes nothing."""
        return f"{self.edge_folder(edge)}/{incarnation}.json"

    def closed_ledgers(self, edge: str) -> str:
        """The last ledgers of incarnations that owe nothing: who looks at the others need not list them."""
        return f"{self.edge_folder(edge)}/closed"

    def closed_ledger(self, edge: str, incarnation: str) -> str:
        return f"{self.closed_ledgers(edge)}/{incarnation}.json"

    def raw_gaps(self, edge: str, incarnation: str) -> str:
        """There once an incarnation's disk was full while HDFS was away."""
        return f"{self.edge_folder(edge)}/{incarnation}.raw-gaps.json"

    def filled_gaps(self, edge: str, incarnation: str, number: int) -> str:
        """Which raw gaps of an incarnation have been filled; another number each time that some were."""
        return f"{self.edge_folder(edge)}/{incarnation}.filled-{number}.json"

    def retirement(self, edge: str, incarnation: str, number: int) -> str:
        """There once an operator has given up what an incarnation still owes; another number where more was lost."""
        return f"{self.edge_folder(edge)}/{incarnation}.retired-{number}.json"

    def bronze(self, generation: GenerationNumber) -> str:
        """The bronze events table of a generation."""
        return f"{self.root}/bronze/g{generation}/events"

    def quarantine(self, generation: GenerationNumber) -> str:
        return f"{self.root}/bronze/g{generation}/quarantine"

    def bronze_epochs(self, generation: GenerationNumber) -> str:
        """One entry per takeover of the bronze writer, named by its number."""
        return f"{self.root}/bronze/g{generation}/epochs"

    def bronze_lease(self, generation: GenerationNumber) -> str:
        """What the bronze writer renews while it lives, so that a second one stands by."""
        return f"{self.root}/bronze/g{generation}/lease.json"

    @property
    def bronze_generations(self) -> str:
        return f"{self.root}/bronze"

    def bronze_planned(self, generation: GenerationNumber) -> str:
        """There once somebody has taken the number, so that nobody else does."""
        return f"{self.root}/bronze/g{generation}/planned.json"

    def bronze_streamed(self, generation: GenerationNumber) -> str:
        """There once all raw files are in the generation: from then on it is fed from Kafka."""
        return f"{self.root}/bronze/g{generation}/streamed.json"

    def bronze_retired(self, generation: GenerationNumber) -> str:
        """There once the generation is fed no more."""
        return f"{self.root}/bronze/g{generation}/retired.json"

    @property
    def definitions(self) -> str:
        return f"{self.root}/definitions"

    def definition(self, fingerprint: str) -> str:
        """The frozen dbt project of a definition, a tar archive."""
        return f"{self.definitions}/{fingerprint}.tar"

    @property
    def gold_versions(self) -> str:
        return f"{self.root}/gold_versions"

    def gold_version(self, version: GoldVersionNumber) -> str:
        return f"{self.gold_versions}/{version}"

    def gold_version_manifest(self, version: GoldVersionNumber) -> str:
        return f"{self.gold_version(version)}/version.json"

    def gold_version_drop(self, version: GoldVersionNumber) -> str:
        """There once an operator has dropped the version."""
        return f"{self.gold_version(version)}/dropped.json"

    def gold_version_progress(self, version: GoldVersionNumber) -> str:
        """How far its rebuild is; replaced as it goes on."""
        return f"{self.gold_version(version)}/progress.json"

    def gold_version_proof(self, version: GoldVersionNumber) -> str:
        """What of its ledger has been proved; replaced as that goes on."""
        return f"{self.gold_version(version)}/proof.json"

    def gold_version_set_aside(self, version: GoldVersionNumber) -> str:
        """Which events its models cannot take; replaced as more are found."""
        return f"{self.gold_version(version)}/set_aside.json"

    def version_schema(self, version: GoldVersionNumber, layer: str) -> str:
        """Folder of the physical ``silver`` or ``gold`` tables of a version."""
        return f"{self.gold_version(version)}/{layer}"

    def snapshots(self, version: GoldVersionNumber) -> str:
        return f"{self.gold_version(version)}/snapshots"

    def snapshot(self, version: GoldVersionNumber, number: SnapshotNumber) -> str:
        return f"{self.snapshots(version)}/{number}.json"

    def sandbox(self, schema: str) -> str:
        """Folder of a data engineer's sandbox. No service reads or writes it."""
        return f"{self.root}/sandboxes/{schema}"

    @property
    def releases(self) -> str:
        return f"{self.root}/releases"

    def release(self, number: ReleaseNumber) -> str:
        return f"{self.releases}/{number}"

    def release_manifest(self, number: ReleaseNumber) -> str:
        return f"{self.release(number)}/manifest.json"

    @property
    def operations(self) -> str:
        """What operators have requested of the transform service."""
        return f"{self.root}/operations"

    @property
    def former_operations(self) -> str:
        """Where :attr:`operations` lay up to version 0.1.0."""
        return f"{self.root}/orders"

    def operation(self, operation: str) -> str:
        return f"{self.operations}/{operation}.json"

    def operation_note(self, operation: str) -> str:
        """How far it is; replaced as it goes on."""
        return f"{self.operations}/{operation}.note.json"

    def operation_result(self, operation: str) -> str:
        """There once the operation is done, refused or has failed."""
        return f"{self.operations}/{operation}.result.json"

    @property
    def restated(self) -> str:
        """Up to which release restatements have been computed, and what is left of the next; replaced as it goes on."""
        return f"{self.root}/ops/restated.json"
