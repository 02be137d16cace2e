"""A copy that follows the commits against the table itself."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from api.serving.delta_changes import changes_since
from lakehouse.clients.delta_log import Add, Commit

STEPS = st.lists(
    st.tuples(st.sampled_from(["append", "compact", "rewrite"]), st.integers(0, 2**16)), min_size=1, max_size=12
)


class Table:
    """Files and their rows."""

    def __init__(self) -> None:
        self.rows: dict[str, frozenset[int]] = {"f0": frozenset({0})}
        self.live = {"f0"}
        self.commits: list[Commit] = []

    def commit(self, removed: set[str], rows: frozenset[int], data_change: bool) -> None:
        name = f"f{len(self.rows)}"
        self.rows[name] = rows
        self.live = self.live - removed | {name}
        adds = (Add(name, 1, {}, data_change, None),)
        number = len(self.commits) + 1
        removes = tuple(sorted(removed))
        self.commits.append(Commit(number, datetime.now(UTC), "", data_change, None, None, None, {}, adds, removes))

    def step(self, kind: str, choice: int) -> None:
        some = {name for place, name in enumerate(sorted(self.live)) if choice >> place & 1}
        rows = frozenset().union(*(self.rows[name] for name in some))
        match kind:
            case "append":
                self.commit(set(), frozenset({len(self.rows) * 10, len(self.rows) * 10 + 1}), True)
            case "compact":
                self.commit(some, rows, False)
            case "rewrite":  # takes one row of each file away
                self.commit(some, rows - {min(self.rows[name]) for name in some if self.rows[name]}, True)

    def holds(self) -> frozenset[int]:
        return frozenset().union(*(self.rows[name] for name in self.live))


@given(STEPS, st.integers(0, 12))
def test_what_is_loaded_is_what_the_table_holds(steps: list[tuple[str, int]], loaded_after: int) -> None:
    """Whenever it does not ask for a new copy; and it never does where only rows came."""
    table = Table()
    held, live, before = table.holds(), frozenset(table.live), 0
    for number, (kind, choice) in enumerate(steps, 1):
        table.step(kind, choice)
        if number == loaded_after:
            held, live, before = table.holds(), frozenset(table.live), number
    later = table.commits[before:]
    changes = changes_since(live, later)
    if changes is None:
        assert any(kind == "rewrite" for kind, _ in steps[before:])
    else:
        assert held.union(*(table.rows[name] for name in changes.new)) == table.holds()
        assert changes.live == table.live


def test_an_unfinished_build_that_was_replaced_is_not_read() -> None:
    table = Table()
    live = frozenset(table.live)
    table.commit(set(), frozenset({1}), True)
    table.commit({"f1"}, frozenset({2}), True)
    changes = changes_since(live, table.commits)
    assert changes is not None
    assert changes.new == ("f2",)
