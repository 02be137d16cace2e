"""The edge takes what CloudEvents' SDKs of six languages really send, and keeps the event that was meant.

``tests/support/recorded_sdks/README.md`` says how the requests were recorded.
"""

import base64
import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from ingestion import rfc3339
from tests.support.running_edge import RunningEdge

RECORDED = Path(__file__).parents[2] / "support" / "recorded_sdks"
SAMPLES = {sample["name"]: sample for sample in json.loads((RECORDED / "samples.json").read_text())}
LANGUAGES = ("python", "javascript", "go", "java", "csharp", "ruby")
FILES = {language: json.loads((RECORDED / f"{language}.json").read_text()) for language in LANGUAGES}
REQUESTS = [
    pytest.param(request, id=f"{language}-{number}-{request['mode']}-{request['sample']}")
    for language, file in FILES.items()
    for number, request in enumerate(file["requests"])
]


def play(edge: RunningEdge, request: dict[str, Any]) -> httpx.Response:
    body = base64.b64decode(request["body_base64"]) if "body_base64" in request else request["body"].encode()
    headers = [(name, value.encode("latin-1")) for name, value in request["headers"]]
    # A client of httpx adds a Content-Type to nothing but text: what was absent stays absent.
    return edge.client.request(
        request["method"], edge.url, content=body, headers=[*headers, *as_bytes(edge.bearer(merchant="sdk"))]
    )


def as_bytes(headers: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode()) for name, value in headers.items()]


def kept(edge: RunningEdge, receipt: dict[str, Any]) -> list[dict[str, Any]]:
    """The events at the positions of a receipt, from the edge's log."""
    for path in (edge.settings.home_path / "edge").glob("*/*/accepted/*.ndjson"):
        for batch in map(json.loads, path.read_bytes().splitlines()):
            if (batch["segment"], batch["first"]) == (receipt["segment"], receipt["first"]):
                return list(batch["events"])
    raise AssertionError(receipt)


def assert_means(sample: dict[str, Any], event: dict[str, Any]) -> None:
    sent = sample["attributes"]
    assert {name: event.get(name) for name in ("id", "source", "type", "subject", "dataschema")} == {
        name: sent.get(name) for name in ("id", "source", "type", "subject", "dataschema")
    }
    assert event["time"] == rfc3339.to_micros(sent["time"])
    assert json.loads(event["data"]) == sample["data"]
    # In headers all extensions are texts.
    extensions = {name: str(value).lower() for name, value in (event.get("extensions") or {}).items()}
    assert extensions == {name: str(value).lower() for name, value in sample["extensions"].items()}


@pytest.mark.parametrize("request_", REQUESTS)
def test_what_an_sdk_sends_is_kept_as_it_was_meant(edge: RunningEdge, request_: dict[str, Any]) -> None:
    response = play(edge, request_)
    meant = list(SAMPLES.values()) if request_["sample"] == "all" else [SAMPLES[request_["sample"]]]
    assert (response.status_code, response.json().get("accepted")) == (202, len(meant)), response.text
    for sample, event in zip(meant, kept(edge, response.json()["receipt"]), strict=True):
        assert_means(sample, event)


def test_every_language_and_mode_is_there() -> None:
    modes = {language: {request["mode"] for request in file["requests"]} for language, file in FILES.items()}
    assert all(found >= {"binary", "structured"} for found in modes.values())
    assert [language for language in LANGUAGES if "batch" in modes[language]] == ["go", "csharp", "ruby"]
    assert {request["sample"] for file in FILES.values() for request in file["requests"]} == {"all", *SAMPLES}
