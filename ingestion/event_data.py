"""Finds the data of an event: in ``data``, or in ``data_base64`` (CloudEvents' JSON format, 3.1.1).

In: the attributes of an event. Out: the object in its data, or RejectedError. Every rule of JSON that the body has to
keep applies to what was in base64, too.
"""

import binascii
import re
from typing import Any

from ingestion import strict_json
from ingestion.rejections import Reason, RejectedError
from ingestion.strict_json import BYTE_ORDER_MARK, UnreadableError

_JSON_TYPE = re.compile(r"[^/;\s]+/(?:[^/;\s]+\+)?json", re.IGNORECASE)


def data_of(given: dict[str, Any], max_depth: int) -> dict[str, Any]:
    """``given`` are the attributes that are not null; ``max_depth`` is that of the whole event."""
    _check_content_type(given.get("datacontenttype"))
    if "data_base64" in given:
        if "data" in given:
            raise RejectedError(Reason.BINARY_DATA, "data_base64")
        data = _decoded(given["data_base64"], max_depth)
    elif "data" in given:
        data = given["data"]
    else:
        raise RejectedError(Reason.MISSING_FIELD, "data")
    if not isinstance(data, dict):
        raise RejectedError(Reason.WRONG_TYPE, "data")
    return data


def is_json(media_type: str) -> bool:
    """Whether a media type is JSON, in UTF-8 as far as it says."""
    essence, _, parameters = media_type.partition(";")
    return bool(_JSON_TYPE.fullmatch(essence.strip())) and is_utf8(parameters)


def is_utf8(parameters: str) -> bool:
    """False if the parameters of a media type name another charset."""
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip().strip('"').lower() not in ("utf-8", "utf8"):
            return False
    return True


def _check_content_type(media_type: Any) -> None:
    """An event that does not name its content type is JSON, as the JSON format says."""
    if media_type is None:
        return
    if not isinstance(media_type, str):
        raise RejectedError(Reason.WRONG_TYPE, "datacontenttype")
    if not media_type:
        raise RejectedError(Reason.EMPTY_FIELD, "datacontenttype")
    if not is_json(media_type):
        raise RejectedError(Reason.NOT_JSON_DATA, "datacontenttype")


def _decoded(text: Any, max_depth: int) -> Any:
    """The value of JSON in base64 (RFC 4648, section 4)."""
    if not isinstance(text, str):
        raise RejectedError(Reason.WRONG_TYPE, "data_base64")
    if not text:
        raise RejectedError(Reason.EMPTY_FIELD, "data_base64")
    try:
        data = binascii.a2b_base64(text, strict_mode=True).removeprefix(BYTE_ORDER_MARK)
    except ValueError:
        raise RejectedError(Reason.BAD_BASE64, "data_base64") from None
    if strict_json.depth(data) >= max_depth:
        raise RejectedError(Reason.TOO_DEEP, "data_base64")
    try:
        return strict_json.loads_fast(data)
    except UnreadableError:
        raise RejectedError(Reason.NOT_JSON_DATA, "data_base64") from None
