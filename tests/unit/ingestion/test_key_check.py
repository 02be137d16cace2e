"""Rotating the key of personal ids: every edge hashes an event with the key of its day, whenever it comes."""

import hmac
import json
import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.body_reader import BodyReader
from ingestion.content_headers import ContentMode
from ingestion.fast_decode import Sender
from lakehouse import instants
from lakehouse.clients.files import LocalFiles
from lakehouse.contracts.records import AcceptedEvent
from lakehouse.tokens.key_list import KNOWN_AHEAD, LEAD, start_of
from lakehouse.tokens.personal_keys import FIRST_DAY
from tests.support.bronze_rows import Row
from tests.support.key_hosts import LAYOUT, Hdfs, Host
from tests.support.naive_models import verdicts
from tests.support.running_edge import RunningEdge, event, post, problem, serve, settings_of
from tests.support.valid_events import encode, view
from tests.support.waiting import await_

HOUR = timedelta(hours=1)


@pytest.fixture
def hdfs(tmp_path: Path) -> Hdfs:
    return Hdfs(tmp_path / "hdfs")


def two_hosts(folder: Path, hdfs: Hdfs, skew: timedelta = timedelta(0)) -> tuple[Host, Host]:
    """Both reach HDFS, and have the first key."""
    one, two = Host(folder / "one", hdfs), Host(folder / "two", hdfs, skew)
    one.start()
    one.ask()
    two.copy_keys(one)
    two.start()
    two.ask()
    return one, two


def sent(host: Host, at: datetime, *, careful: bool = False, identity: str = "e") -> AcceptedEvent:
    """By the edge's own code, fast or careful."""
    extra = {"ext": "the fast way takes none"} if careful else {}
    body = encode([view() | {"id": identity, "time": at.isoformat()} | extra])
    reading = host.envelope.read(ContentMode.BATCH, body, [], Sender("shop-1"), host.now)
    assert reading.rejections == []
    return reading.events[0]


def visitor(accepted: AcceptedEvent) -> str:
    return str(json.loads(accepted.data)["visitor_id"])


def under(key: bytes) -> str:
    return "p_" + hmac.digest(key, b"shop-1\0v", "sha256").hex()[:32]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), st.integers(1, 60)),
        st.tuples(st.just("border"), st.integers(-1, 1)),
        st.tuples(st.just("rotate"), st.integers(1, 3)),
        st.tuples(st.sampled_from(["copy", "lose", "find", "restart"]), st.just(0)),
    ),
    min_size=5,
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(steps, st.integers(-30, 30))
def test_all_edges_agree_at_all_times(steps: list[tuple[str, int]], skew: int) -> None:
    """Whatever is rotated, copied late, away or restarted: who takes an event hashes it with the key that is listed
    for its day in the end; and who has all keys and HDFS takes events. They lie at borders and as late as they may."""
    with tempfile.TemporaryDirectory() as folder:
        hdfs = Hdfs(Path(folder) / "hdfs")
        one, two = two_hosts(Path(folder), hdfs, timedelta(seconds=skew))
        taken: list[tuple[datetime, str]] = []
        for step, number in steps:
            borders = [start_of(day) for day in one.folder.read()]
            if step == "wait":
                hdfs.now += number * HOUR
            elif step == "border":
                hdfs.now = max(hdfs.now, borders[-1] - HOUR + timedelta(seconds=number))
            elif step == "rotate":
                one.rotate((hdfs.now + LEAD).date() + timedelta(days=number))
            elif step == "copy":
                two.copy_keys(one)
            elif step == "restart":
                two.start()
            else:
                two.way.is_lost = step == "lose"
            for host in (one, two):
                host.ask()
            assert one.refusal is None
            assert two.refusal is None or two.way.is_lost or two.folder.read() != one.folder.read()
            for host in (host for host in (one, two) if host.refusal is None):
                latest = instants.from_micros(host.now) + HOUR
                times = [latest, *borders[1:], *(border - HOUR / 3600 for border in borders[1:])]
                taken += [(at, visitor(sent(host, at, careful=number % 2 == 0))) for at in times if at <= latest]
        keys = one.folder.read()
        for at, hashed in taken:
            assert hashed == under(keys[max(day for day in keys if day <= at.date())])


def test_a_retry_after_a_rotation_is_a_duplicate(tmp_path: Path, hdfs: Hdfs) -> None:
    """The last event before the border and the first after it, each sent before and after it, by both edges."""
    one, two = two_hosts(tmp_path, hdfs)
    border = datetime(2026, 11, 27, tzinfo=UTC)
    one.rotate(border.date())
    times = [border - timedelta(microseconds=1), border]
    rows: list[Row] = []

    def deliver(host: Host) -> None:
        host.ask()
        assert host.refusal is None
        for at in times:
            found = sent(host, at, identity=f"{at}", careful=len(rows) % 3 == 0)
            accepted_at = hdfs.now + timedelta(microseconds=len(rows))
            rows.append(
                Row("e", "s", len(rows), accepted_at, "shop-1", found.source, found.id, found.type, at, found.data)
            )

    two.copy_keys(one)
    for now in (border - HOUR, border + timedelta(days=2)):
        hdfs.now = now
        for host in (one, two):
            deliver(host)
    assert sorted(verdicts(rows).values()) == ["duplicate"] * 6 + ["event"] * 2
    first, second = (under(one.folder.read()[day]) for day in (FIRST_DAY, border.date()))
    assert [json.loads(row.data)["visitor_id"] for row in rows] == [first, second] * 4
    assert first != second


def test_an_edge_without_a_listed_key_goes_on_until_it_needs_it(tmp_path: Path, hdfs: Hdfs) -> None:
    """It says so at once; it refuses before an event of that day may come; a copied file is enough."""
    one, two = two_hosts(tmp_path, hdfs)
    rotation = one.rotate(date(2026, 11, 27))
    two.ask()
    assert two.check.warning is not None
    assert "personal_ids-2026-11-27.key is missing" in two.check.warning
    hdfs.now = rotation.needed_from - timedelta(microseconds=1)
    two.ask()
    assert two.refusal is None
    hdfs.now = rotation.needed_from
    assert two.refusal == two.check.warning
    assert rotation.needed_from < datetime(2026, 11, 27, tzinfo=UTC) - two.settings.edge.max_future
    two.copy_keys(one)
    two.ask()
    assert two.refusal is two.check.warning is None


@pytest.mark.parametrize("content", ["", "no key", "ab" * 32])
def test_a_file_with_another_key_is_not_hashed_with(tmp_path: Path, hdfs: Hdfs, content: str) -> None:
    one, _ = two_hosts(tmp_path, hdfs)
    rotation = one.rotate(date(2026, 11, 27))
    rotation.path.write_text(content)
    one.ask()
    assert one.refusal is None
    hdfs.now = rotation.needed_from
    one.ask()
    assert one.refusal is not None
    assert str(rotation.path.name) in one.refusal


def test_a_key_that_is_not_listed_is_not_hashed_with(tmp_path: Path, hdfs: Hdfs) -> None:
    one, _ = two_hosts(tmp_path, hdfs)
    one.folder.path(date(2026, 11, 20)).write_text("ab" * 32)
    one.start()
    one.ask()
    assert one.refusal is one.check.warning is None
    assert visitor(sent(one, hdfs.now)) == under(one.folder.read()[FIRST_DAY])


def test_where_a_key_is_lost_before_its_day_the_one_before_goes_on(tmp_path: Path, hdfs: Hdfs) -> None:
    """No event was hashed with it: an operator takes its entry off the list."""
    one, _ = two_hosts(tmp_path, hdfs)
    rotation = one.rotate(date(2026, 11, 27))
    rotation.path.unlink()
    hdfs.now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    one.ask()
    assert "is missing" in str(one.refusal)
    hdfs.delete(LAYOUT.rotated_key(date(2026, 11, 27)))
    one.ask()
    assert one.refusal is None
    assert visitor(sent(one, hdfs.now)) == under(one.folder.read()[FIRST_DAY])


def test_without_hdfs_an_edge_goes_on_as_long_as_it_knows_all_keys(tmp_path: Path, hdfs: Hdfs) -> None:
    """Also over a restart: what it has read stays known, and when."""
    _, two = two_hosts(tmp_path, hdfs)
    known_until = hdfs.now + KNOWN_AHEAD - two.settings.edge.max_future
    two.way.is_lost = True
    two.start()
    hdfs.now = known_until - timedelta(microseconds=1)
    two.ask()
    assert two.refusal is None
    hdfs.now = known_until
    assert "another key may be in force" in str(two.refusal)
    two.way.is_lost = False
    two.ask()
    assert two.refusal is None


def test_a_rejected_event_is_scrubbed_with_the_key_of_its_day(tmp_path: Path, hdfs: Hdfs) -> None:
    """So that it is the same person once it is mended and sent again. Without a time that counts: the key of now."""
    one, _ = two_hosts(tmp_path, hdfs)
    one.rotate(date(2026, 11, 27))
    one.ask()
    hdfs.now = datetime(2026, 11, 28, tzinfo=UTC)
    old, new = (under(one.folder.read()[day]) for day in (FIRST_DAY, date(2026, 11, 27)))
    reader = BodyReader(one.settings.edge, one.check.pseudonyms)

    def kept(**changes: Any) -> str:
        body = encode([view() | {"type": "unknown"} | changes])
        reading = reader._read(ContentMode.BATCH, body, [], Sender("shop-1"), one.now)
        return str(json.loads(reading.rejections[0].body)["data"]["visitor_id"])

    assert kept(time="2026-11-26T23:59:59.999Z") == old
    assert kept(time="2026-11-27T00:30:00+01:00") == old
    assert kept(time="2026-11-27T00:00:00Z") == new
    hdfs.now = datetime(2026, 11, 26, tzinfo=UTC)
    for never in ("2027-01-01T00:00:00Z", "yesterday", None, 5):
        assert kept(time=never) == old


def test_a_running_edge_takes_a_key_that_is_copied_to_it(tmp_path: Path) -> None:
    """Over HTTP: it names the file, and goes on once that is there."""
    made = settings_of(tmp_path)
    often = made.tokens.model_copy(update={"exchange_interval": timedelta(seconds=0.1)})
    for edge in serve(made.model_copy(update={"tokens": often}), LocalFiles(tmp_path / "hdfs")):
        lacks_and_gets_a_key(edge, tmp_path)


def lacks_and_gets_a_key(edge: RunningEdge, home: Path) -> None:
    def status() -> int:
        return edge.client.get(f"{edge.settings.edge_url}/readyz").status_code

    await_((home / "hdfs/lakehouse/personal_key.sha256").exists)
    hdfs = Hdfs(home / "hdfs")
    here, other = Host(home, hdfs), Host(home / "other", hdfs)
    other.copy_keys(here)
    hdfs.now = instants.now() - timedelta(days=4)
    path = other.rotate(instants.now().date()).path
    await_(lambda: status() == 503)
    assert path.name in problem(post(edge, encode([event()])), 503, "unavailable")["detail"]
    assert "edge_lacking_keys 1.0" in edge.client.get(f"{edge.settings.edge_url}/metrics").text
    here.copy_keys(other)
    await_(lambda: status() == 200)
    assert edge.client.get(f"{edge.settings.edge_url}/readyz").json()["keys"] == "ok"
    assert post(edge, encode([event()])).status_code == 202
