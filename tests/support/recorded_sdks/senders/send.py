"""Sends the samples with CloudEvents' Python SDK: its present interface, and the one it had before (``v1``)."""

import json
import sys
from collections.abc import Iterator
from datetime import datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from cloudevents.v1.http import CloudEvent as OldEvent
from cloudevents.v1.http import to_binary, to_structured

Message = tuple[str, dict[str, str], bytes]


def messages(sample: dict[str, Any]) -> Iterator[Message]:
    """Each with its mode. The SDK sends data that it is given as bytes as ``data_base64``."""
    attributes: dict[str, Any] = {"specversion": "1.0"} | sample["attributes"] | sample["extensions"]
    typed = attributes | {"time": datetime.fromisoformat(attributes["time"])}
    event = CloudEvent(typed, sample["data"])
    binary, structured = to_binary_event(event), to_structured_event(event)
    yield "binary", binary.headers, binary.body
    yield "structured", structured.headers, structured.body
    if "datacontenttype" in attributes:
        as_bytes = to_structured_event(CloudEvent(typed, json.dumps(sample["data"]).encode()))
        yield "structured", as_bytes.headers, as_bytes.body
    old = OldEvent(attributes, sample["data"])
    yield "binary", *to_binary(old)
    yield "structured", *to_structured(old)


def main(address: str, samples: str) -> None:
    for sample in json.loads(Path(samples).read_text()):
        for mode, headers, body in messages(sample):
            connection = HTTPConnection(urlsplit(address).netloc)
            connection.request("POST", f"/{mode}/{sample['name']}", body, headers)
            connection.getresponse()
            connection.close()


main(*sys.argv[1:])
