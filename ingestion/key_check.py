"""Whether this edge hashes personal ids with the key of all others.

In: the key, and HDFS. Out: a reason not to take events, once the fingerprint of another key is found there. Promise:
the first edge of a warehouse leaves its key's fingerprint, and no edge with another key goes on taking events: the same
event sent again through it would be another event.
"""

import hashlib

from lakehouse.clients.files import Files, publish
from lakehouse.contracts.layout import Layout
from lakehouse.errors import AlreadyExistsError


class KeyCheck:
    """Asked on each round of the shipper until HDFS has answered."""

    def __init__(self, files: Files, layout: Layout, key: bytes | None) -> None:
        """``key`` is None where ids are not hashed: then there is nothing to compare."""
        self._files = files
        self._layout = layout
        self._fingerprint = hashlib.sha256(b"merchant-lakehouse personal ids\0" + key).hexdigest() if key else None
        self._done = key is None
        self.mismatch: str | None = None

    def ask(self) -> None:
        """Raises NotReadyError if HDFS does not answer."""
        if self._done or self._fingerprint is None:
            return
        path = self._layout.personal_key
        try:
            publish(self._files, self._layout.staging, path, self._fingerprint.encode())
        except AlreadyExistsError:
            self.mismatch = (
                f"this edge hashes personal ids with another key than the warehouse's ({path}), so that the same event "
                "would be counted twice. Copy `personal_ids.key` from the keys of another edge, and start it again"
            )
        self._done = True
