"""What RFC 9112 asks of a request's head beyond what the parser looks at.

In: the fields of a head, their names in lower case. Out: nothing, or the problem that the request is answered with.
"""

from lakehouse.http.asgi import Headers
from lakehouse.http.problems import Kind, ProblemError

_FRAMING = (b"content-length", b"transfer-encoding")


def check(headers: Headers, version: str) -> None:
    names = [name for name, _ in headers]
    hosts = names.count(b"host")
    if hosts != 1 and (hosts > 1 or version != "1.0"):
        raise ProblemError(Kind.NOT_HTTP, "a request has one header Host")
    if b"expect" in names and any(name == b"expect" and value.lower() != b"100-continue" for name, value in headers):
        raise ProblemError(Kind.EXPECTATION_FAILED, "the only expectation is 100-continue")
    if b"transfer-encoding" in names:
        codings = [value.strip().lower() for name, value in headers if name == b"transfer-encoding"]
        if codings != [b"chunked"]:
            raise ProblemError(Kind.UNREADABLE_BODY, "the only transfer coding is chunked")


def size(method: bytes, url: bytes, headers: Headers) -> int:
    """In bytes, as it was sent."""
    return (
        len(method) + len(url) + len("  HTTP/1.1\r\n\r\n") + sum(len(name) + len(value) + 4 for name, value in headers)
    )


def framing(headers: Headers) -> bytes:
    """A head that says nothing but how long its body is."""
    fields = [b"%s: %s\r\n" % (name, value) for name, value in headers if name in _FRAMING]
    return b"POST / HTTP/1.1\r\n" + b"".join(fields) + b"\r\n"
