"""``python -m docs.site.build``: the documents of this repository as a site, offline (``make docs``).

In: the Markdown files, and what :mod:`docs.site.reference` makes of the code. Out: HTML. Promise: a link to a page or a
heading that is not there fails the build, and no page loads anything from a foreign host.
"""

import argparse
import logging
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from docs.site import reference

ROOT = reference.ROOT
TOP = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")
REPORTS = "bench/reports"


def build(target: Path) -> None:
    """Pages keep the repository's folders, so that the documents' links are right in both."""
    os.environ["NO_MKDOCS_2_WARNING"] = "1"
    from mkdocs.commands.build import build as render
    from mkdocs.config import load_config
    from mkdocs.exceptions import Abort

    with tempfile.TemporaryDirectory() as folder:
        pages = Path(folder)
        gather(pages)
        config: Any = load_config(
            str(Path(__file__).with_name("mkdocs.yml")),
            docs_dir=str(pages),
            site_dir=str(target.absolute()),
            strict=True,
            nav=navigation(pages),
        )
        try:
            render(config)
        except Abort as error:
            raise SystemExit(str(error)) from error


def gather(pages: Path) -> None:
    """Copies what is written and writes what is made."""
    written = [*(ROOT / "docs").rglob("*.md"), *(ROOT / REPORTS).glob("*.md"), *(ROOT / REPORTS).glob("*.svg")]
    for source in (*(ROOT / name for name in (*TOP, "bench/README.md")), *written):
        copy = pages / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    made = pages / "docs" / "reference"
    made.mkdir()
    for name, text in reference.pages().items():
        (made / name).write_text(text)


def navigation(pages: Path) -> list[Any]:
    def under(folder: str) -> list[str]:
        found = sorted((pages / folder).glob("*.md"), key=lambda page: (page.name != "README.md", page.name))
        return [page.relative_to(pages).as_posix() for page in found]

    return [
        {"Tour": "README.md"},
        *under("docs"),
        {"Reference": under("docs/reference")},
        {"Architecture": ["ARCHITECTURE.md", *under("docs/decisions")]},
        {"Benchmarks": ["bench/README.md", *under(REPORTS)]},
        "CONTRIBUTING.md",
        "CHANGELOG.md",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--target", type=Path, default=ROOT / "site", help="the folder that is written anew")
    target = parser.parse_args().target
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    build(target)
    sys.stdout.write(f"{target}/index.html\n")


if __name__ == "__main__":
    main()
