"""gzip and zstd, of any number of members or frames: the content is the concatenation (RFC 1952, RFC 8878).

In: the bytes of a body. Out: what they hold, up to one byte beyond the limit, so that a small body cannot become a
large one in memory; None if they are not whole and valid. Time is linear in the bytes, however they are cut up.
"""

import zlib

import zstandard

_MAX_WINDOW = 8 << 20
_FIRST_CHUNK, _LARGEST_CHUNK = 64, 64 << 10
"""What a member leaves unused of a chunk is copied, so that a chunk grows with its member, from a small one."""
_END_LENGTH = 1 << 16
_END = b"\x28\xb5\x2f\xfd\x00\x58" + ((_END_LENGTH << 3) | 0b011).to_bytes(3, "little") + b"\0"
"""A zstd frame of so many zero bytes, as one repeated one. It is read whole only behind a frame that has ended."""


def gunzip(body: bytes, limit: int) -> bytes | None:
    parts: list[bytes] = []
    room, at = limit + 1, 0
    try:
        while at < len(body) and room > 0:
            at, room = _member(body, at, room, parts)
    except (zlib.error, EOFError):
        return None
    return b"".join(parts)


def _member(body: bytes, at: int, room: int, parts: list[bytes]) -> tuple[int, int]:
    """Reads one member; returns where the next one begins, and the room that is left."""
    member, size = zlib.decompressobj(wbits=31), _FIRST_CHUNK
    while not member.eof and room > 0:
        chunk = member.unconsumed_tail or body[at : at + size]
        if not chunk:
            raise EOFError
        if not member.unconsumed_tail:
            at, size = at + len(chunk), min(2 * size, _LARGEST_CHUNK)
        part = member.decompress(chunk, room)
        parts.append(part)
        room -= len(part)
    return at - len(member.unused_data), room


def unzstd(body: bytes, limit: int) -> bytes | None:
    """Skippable frames hold nothing. What a header says of the size is a claim; the reader stops whatever it says."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MAX_WINDOW)
    try:
        # The library does not say whether the last frame was whole; a frame of our own behind it does.
        with decompressor.stream_reader(body + _END, read_across_frames=True) as reader:
            plain = reader.read(limit + 1 + _END_LENGTH)
    except zstandard.ZstdError:
        return None
    if len(plain) > limit + _END_LENGTH:
        return plain[: limit + 1]
    return plain[:-_END_LENGTH] if plain.endswith(bytes(_END_LENGTH)) else None
