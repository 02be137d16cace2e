"""Log lines as JSON objects on stderr.

In: what the service logs. Out: one JSON object a line, with the name of the service and the fields of ``extra``.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """``at``, ``level``, ``service``, ``message`` and what was passed as ``extra=fields(...)``, as JSON."""

    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"at": at, "level": record.levelname.lower(), "service": self._service}
        line |= {"message": record.getMessage()} | getattr(record, "fields", {})
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str, ensure_ascii=False)


def fields(**values: object) -> dict[str, Any]:
    """For ``extra=``: names and values that belong to a log line, beside its message."""
    return {"fields": values}


def log_as_json(service: str, level: int = logging.INFO) -> None:
    """Sends all logging of this process to stderr as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines(service))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("py4j").setLevel(logging.WARNING)
