"""Reads a request's body without holding up the requests of others.

In: a body, its coding, content mode and sender. Out: the decompressed bytes; a :class:`ParsedRequest`, the personal ids
in what is refused hashed. Promise: a small body is read at once; a larger one by a thread, one at a time, so that none
keeps the event loop for more than some milliseconds, whatever it holds.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

from ingestion import content_headers, rfc3339
from ingestion.content_headers import ContentMode
from ingestion.envelope import Envelope, ParsedRequest
from ingestion.event_id import id_of, time_in
from ingestion.fast_decode import Sender
from ingestion.pseudonyms import Pseudonyms, PseudonymsByDay
from ingestion.rejections import Reason, Rejection
from ingestion.strict_json import UnreadableError
from lakehouse.http.asgi import Headers
from lakehouse.settings import EdgeSettings

LOOP_BYTES = 64 << 10
"""What the fast way reads, and gzip unpacks, in some milliseconds: also of the shortest events and members."""
CAREFUL_BYTES = 16 << 10
"""The careful way costs up to 0.7 ms a KiB: brackets, or personal ids to be scrubbed, one beside the other."""
_log = logging.getLogger(__name__)


class BodyReader:
    """One per edge."""

    def __init__(self, settings: EdgeSettings, pseudonyms: PseudonymsByDay | None) -> None:
        self._pseudonyms = pseudonyms
        self._envelope = Envelope(settings, pseudonyms)
        self._max_body = settings.max_body_bytes
        self._max_future = settings.max_future // timedelta(microseconds=1)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")

    async def read(self, mode: ContentMode, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        """Raises the problem 413, like :meth:`Envelope.read`."""
        read = partial(self._read, mode, body, headers, sender, now)
        if len(body) <= CAREFUL_BYTES:
            return read()
        if len(body) <= LOOP_BYTES and (plain := self._envelope.read_plain(mode, body, sender, now)) is not None:
            return plain
        return await asyncio.get_running_loop().run_in_executor(self._thread, read)

    async def decompress(self, body: bytes, encoding: str | None) -> bytes:
        """Raises the problems 400, 413 and 415. A body of many small members takes its time."""
        unpack = partial(content_headers.decompress, body, encoding, self._max_body)
        if encoding is None or len(body) <= LOOP_BYTES:
            return unpack()
        return await asyncio.get_running_loop().run_in_executor(self._thread, unpack)

    def _read(self, mode: ContentMode, body: bytes, headers: Headers, sender: Sender, now: int) -> ParsedRequest:
        try:
            reading = self._envelope.read(mode, body, headers, sender, now)
        except UnreadableError as error:
            event_id = None if error.kept is None else id_of(error.kept, None)
            rejection = Rejection(0, event_id, Reason.UNREADABLE, "body", error.kept or body)
            reading = ParsedRequest(rejections=[rejection], unreadable=str(error))
        if self._pseudonyms is not None:
            hashes, merchant = self._pseudonyms, sender.merchant_id
            reading.rejections = [
                self._scrubbed(self._dated(hashes, one, now), merchant, one) for one in reading.rejections
            ]
        return reading

    def _dated(self, hashes: PseudonymsByDay, rejection: Rejection, now: int) -> Pseudonyms:
        """Those of its time, which the event gets if it is sent again, mended; of now where it has no time that we
        accept."""
        time = time_in(rejection.body)
        if time is None or not rfc3339.EARLIEST <= time <= now + self._max_future:
            time = now
        return hashes.at(time)

    def _scrubbed(self, hashes: Pseudonyms, merchant_id: str, rejection: Rejection) -> Rejection:
        """Personal ids in refused bytes are hashed as far as they can be recognised. What cannot be scrubbed is not
        kept: its bytes may hold what nobody may read."""
        try:
            body = hashes.scrub(merchant_id, rejection.body)[: self._max_body]
        except Exception:
            _log.exception("the bytes of a refused event could not be scrubbed; they are not kept")
            body = b""
        return Rejection(rejection.index, rejection.id, rejection.reason, rejection.detail, body)
