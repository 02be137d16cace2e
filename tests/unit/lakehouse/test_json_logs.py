"""Log lines are JSON."""

import json
import logging

from lakehouse.json_logs import JsonLines, fields


def test_log_lines_are_json_with_their_fields() -> None:
    record = logging.makeLogRecord({"msg": "wrote %d", "args": (2,), "levelname": "INFO"} | fields(batch=2))
    line = json.loads(JsonLines("streaming").format(record))
    assert (line["message"], line["batch"], line["service"]) == ("wrote 2", 2, "streaming")
