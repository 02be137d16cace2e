"""The documents become a site: every link leads somewhere, and no page loads anything from a foreign host."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from docs.site import build, reference
from lakehouse.cli.main import VERBS
from lakehouse.contracts.metrics import METRICS
from lakehouse.http.problems import Kind
from lakehouse.settings import Settings
from tests.unit.compose.test_env_example import variables

FOREIGN = re.compile(r"(?:https?:)?//", re.IGNORECASE)
CITED = ("https://keepachangelog.com/", "https://semver.org/")
"""What a reader may follow, and no page loads."""


class References(HTMLParser):
    """What a page loads, and where it leads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.followed: list[str] = []
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "action") and value:
                (self.followed if tag == "a" else self.loaded).append(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    build.build(target)
    return target


def test_no_page_loads_from_a_foreign_host(site: Path) -> None:
    pages = [References(page) for page in site.rglob("*.html")]
    assert len(pages) > 40
    assert [one for page in pages for one in page.loaded if FOREIGN.match(one)] == []
    led = [one for page in pages for one in page.followed if FOREIGN.match(one)]
    assert [one for one in led if not one.startswith(CITED)] == []


def test_styles_load_nothing_from_a_foreign_host(site: Path) -> None:
    styles = "".join(style.read_text() for style in site.rglob("*.css"))
    assert not re.findall(r"(?:url\(|@import\s)[\"']?(?:https?:)?//", styles)


def test_a_broken_link_fails_the_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = {"broken.md": "# Broken\n\n[nothing](../contracts.md#contract-9-nothing)\n"}
    monkeypatch.setattr(reference, "pages", lambda: broken)
    with pytest.raises(SystemExit, match="1 warnings in strict mode"):
        build.build(tmp_path)


def test_pages_made_from_code_are_whole() -> None:
    made = reference.pages()
    assert set(re.findall(r"^\| `(LAKEHOUSE_\w+)`", made["settings.md"], re.MULTILINE)) == set(variables(Settings))
    assert re.findall(r"^\| `(\w+)`", made["metrics.md"], re.MULTILINE) == list(METRICS)
    assert re.findall(r"^\| `(/\S+)`", made["problems.md"], re.MULTILINE) == [kind.type for kind in Kind]
    assert set(VERBS) <= set(re.findall(r"^## lakehouse (\S+)", made["commands.md"], re.MULTILINE))
    for service in ("edge", "streaming", "lakehouse_transform", "insights"):
        assert f"| `{service}_" in made["prometheus.md"]
