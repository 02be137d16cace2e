"""Reads a request's body without holding up the requests of others.

In: a decompressed body, its content mode and sender. Out: a :class:`ParsedRequest`, the personal ids in what is refused
hashed. Promise: a body of at most :data:`LOOP_BYTES` is read at once; a larger one by a thread, one at a time, so that
none keeps the event loop for more than some milliseconds, whatever it holds.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import Pseudonyms
from ingestion.rejections import Reason, Rejection
from ingestion.strict_json import UnreadableError
from lakehouse.http.asgi import Headers
from lakehouse.settings import EdgeSettings

LOOP_BYTES = 64 << 10
_log = logging.getLogger(__name__)


class BodyReader:
    """One per edge."""

    def __init__(self, settings: EdgeSettings, pseudonyms: Pseudonyms | None) -> None:
        self._pseudonyms = pseudonyms
        self._envelope = Envelope(settings, pseudonyms)
        self._max_body = settings.max_body_bytes
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def read(self, mode: ContentMode, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        """Raises the problem 413, like :meth:`Envelope.read`."""
        read = partial(self._read, mode, body, headers, sender, now)
        if len(body) <= LOOP_BYTES:
            return read()
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    def _read(self, mode: ContentMode, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        try:
            reading = self._envelope.read(mode, body, headers, sender, now)
        except UnreadableError as error:
            rejection = Rejection(0, None, Reason.UNREADABLE, "body", body)
            reading = ParsedRequest(rejections=[rejection], unreadable=str(error))
        if self._pseudonyms is not None:
            hashes = self._pseudonyms
            reading.rejections = [self._scrubbed(hashes, sender.merchant_id, one) for one in reading.rejections]
        return reading

    def _scrubbed(self, hashes: Pseudonyms, merchant_id: str, rejection: Rejection) -> Rejection:
        """Personal ids in refused bytes are hashed as far as they can be recognised. What cannot be scrubbed is not
        kept: its bytes may hold what nobody may read."""
        try:
            body = hashes.scrub(merchant_id, rejection.body)[: self._max_body]
        except Exception:
            _log.exception("the bytes of a refused event could not be scrubbed; they are not kept")
            body = b""
        return Rejection(rejection.index, rejection.id, rejection.reason, rejection.detail, body)
