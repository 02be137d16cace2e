"""Whether the ledger of a gold version is balanced, at the cost of what is new since it was proved last.

In: a release, published or about to be. Out: a verdict; where it is balanced, as far as it was judged, it is kept as a
:class:`Proof` beside the version. Data files never change, so what a proof says of a table still holds if the files
that left it since and those that came hold the same positions of the proved hours. Where anything is not as it should
be, all is read again: a verdict that is not balanced always names everything.
"""

from collections import defaultdict
from collections.abc import Callable

import msgspec

from lakehouse.clients import delta_log
from lakehouse.clients.files import Files, replace
from lakehouse.clients.trino import QueryFailedError, SqlError, Trino
from lakehouse.contracts.ids import GoldVersionNumber
from lakehouse.contracts.layout import Layout
from lakehouse.errors import NotFoundError, RefusedError
from lakehouse.ledger import read_tables, spans
from lakehouse.ledger.gather import Gatherer
from lakehouse.ledger.judge import Verdict, judge
from lakehouse.ledger.model import Stream
from lakehouse.ledger.proof import SILVER, Proof, proof_of, upheld
from lakehouse.ledger.spans import Spans
from lakehouse.releases.model import Release, TableState
from lakehouse.settings import Settings
from lakehouse.table_files import relative

MOST_FILES = 500
"""Where more files than these have changed, asking for each by name gains nothing."""

Judged = Callable[[Release], Verdict]
"""What :meth:`Prover.verdict` is to those who ask."""


class Prover:
    """Reads the stages of one stack."""

    def __init__(self, settings: Settings, files: Files, *, keeps_proofs: bool = True) -> None:
        self._files = files
        self._keeps_proofs = keeps_proofs
        self._layout = Layout(settings.warehouse)
        self._url = settings.hdfs_url
        self._trino = Trino.of(settings, read_only=True)
        self._gatherer = Gatherer(settings, files, self._trino)

    def verdict(self, shown: Release) -> Verdict:
        """Of all hours. Raises :class:`RefusedError` where there is no silver to count."""
        if lacking := ", ".join(name for name in SILVER if name not in shown.tables):
            raise RefusedError(
                f"gold version {shown.gold_version} lacks {lacking}, in which each accepted event is counted: its "
                "ledger cannot be proved. Mend the models and reprocess"
            )
        proof = self.proof(shown.gold_version)
        if proof is not None and self.holds(proof, shown):
            verdict = self._judged(shown, proof)
            if verdict.balanced_where_judged:
                return verdict
        return self._judged(shown, None)

    def proof(self, gold_version: GoldVersionNumber) -> Proof | None:
        """What has been proved of the version; None if nothing, or if an earlier release of ours wrote it otherwise."""
        try:
            return msgspec.json.decode(self._files.read(self._layout.gold_version_proof(gold_version)), type=Proof)
        except (NotFoundError, msgspec.DecodeError):
            return None

    def _judged(self, shown: Release, proof: Proof | None) -> Verdict:
        evidence = self._gatherer.gather(shown, proof).evidence
        if proof is not None:
            evidence = upheld(evidence, proof)
        verdict = judge(evidence)
        if verdict.balanced_where_judged and self._keeps_proofs:
            self._keep(proof_of(shown, evidence, verdict), proof)
        return verdict

    def _keep(self, proof: Proof | None, before: Proof | None) -> None:
        """Unless it proves no hour more than the one that it rests on."""
        if proof is not None and (before is None or proof.through > before.through):
            path = self._layout.gold_version_proof(proof.gold_version)
            replace(self._files, self._layout.staging, path, msgspec.json.encode(proof))

    def holds(self, proof: Proof, shown: Release) -> bool:
        """Whether silver holds of the proved hours what it held when they were proved."""
        then, now = proof.tables, {name: shown.tables[name] for name in SILVER}
        if proof.bronze.generation != shown.bronze.generation or not all(
            _is_later(then[name], now[name]) for name in SILVER
        ):
            return False
        try:
            changes = {name: self._changed(then[name], now[name].delta_version) for name in SILVER}
            gone = {name: left for name, (left, _) in changes.items()}
            new = {name: came for name, (_, came) in changes.items()}
            if sum(len(files) for files in (*gone.values(), *new.values())) > MOST_FILES:
                return False
            return self._positions(then, gone, proof.through) == self._positions(now, new, proof.through)
        except (NotFoundError, SqlError, QueryFailedError):
            return False  # the log or the files of that time are gone: maintenance has tidied up

    def _changed(self, state: TableState, through: int) -> tuple[set[str], set[str]]:
        """The files that have left a table since a state of it, and those that have come and stayed."""
        left: set[str] = set()
        came: set[str] = set()
        for commit in delta_log.commits(self._files, state.location, state.delta_version, through):
            removed = {relative(state.location, path) for path in commit.removes}
            left |= removed - came
            came -= removed
            came |= {relative(state.location, add.path) for add in commit.adds}
        return left, came

    def _positions(
        self, states: dict[str, TableState], files: dict[str, set[str]], before: int
    ) -> dict[tuple[Stream, int], tuple[Spans, Spans]]:
        """What these files hold of the hours before one: by incarnation and hour, which positions, and which twice."""
        paths = {
            state.pinned(name): [f"{self._url}{state.location}/{path}" for path in sorted(files[name])]
            for name, state in states.items()
            if files[name]
        }
        runs = read_tables.runs_in_files(self._trino, paths, before) if paths else []
        held: dict[tuple[Stream, int], Spans] = defaultdict(list)
        for run in runs:
            held[run.stream, run.hour].append(run.span)
        return {key: (spans.merge(positions), spans.repeated(positions)) for key, positions in held.items()}


def _is_later(then: TableState, now: TableState) -> bool:
    return (then.schema, then.location) == (now.schema, now.location) and then.delta_version <= now.delta_version
