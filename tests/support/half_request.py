"""A request of which half the body is sent and the other half never comes, so that no clock decides what is tested."""

import http.client
from collections.abc import Mapping

import httpx

LONGEST = 60.0
"""Seconds for an answer."""


def answer_to_half(method: str, url: str, headers: Mapping[str, str]) -> httpx.Response:
    """What the server answers to the head and one byte of two."""
    request = httpx.Request(method, url, headers=headers)
    connection = http.client.HTTPConnection(request.url.host, request.url.port, timeout=LONGEST)
    try:
        connection.putrequest(method, request.url.raw_path.decode())
        for name, value in {**headers, "Content-Length": "2"}.items():
            connection.putheader(name, value)
        connection.endheaders(b"[")
        answer = connection.getresponse()
        return httpx.Response(answer.status, headers=answer.getheaders(), content=answer.read(), request=request)
    finally:
        connection.close()
