"""Names, texts and numbers that somebody's code has stumbled on once, as lists.

Names of fields and columns come from the contracts, so that new ones are among them.
"""

from ingestion.event_structs import LINE_PRICES
from lakehouse.contracts.events import ORDER_LINE, REFUND_LINE, SHAPES
from lakehouse.contracts.tables import BRONZE_COLUMNS, GOLD_KEYS, GOLD_MEASURES, QUARANTINE_COLUMNS
from tests.fuzz.spelling import Number

KNOWN_NAMES = sorted(
    {name for shape in (*SHAPES.values(), ORDER_LINE, REFUND_LINE) for name in shape.required | shape.optional}
    | set(LINE_PRICES)
)
"""Every name that some type knows."""
COLUMNS = sorted(
    BRONZE_COLUMNS.keys()
    | QUARANTINE_COLUMNS.keys()
    | {name for names in (*GOLD_KEYS.values(), *GOLD_MEASURES.values()) for name in names}
)
ODD_NAMES = (
    *("", " ", "$", "$.order_id", "$['order_id']", "order_id.currency", "a.b", "items[0]", "*", "..", "__proto__"),
    *(
        "constructor",
        "order_id ",
        " currency",
        "order_id\u200b",
        "\u00ef\u00bb\u00bfid",
        "it's",
        'a"b',
        "a\\b",
        "{{ ref }}",
    ),
    *(
        "\u0001",
        "\u007f",
        "\U0001f600",
        "é",
        "e\u0301",
        "\u2028",
        "%s",
        "null",
        "0",
        "Ⅷ",
        "ORDER\u005fID",
        ":",
        "\\u003a",
    ),
)
NUMBERS = (
    *("0", "-0", "1", "-1", "0.0"),
    *("-0.0", "1.0", "5.5", "-7.25", "1e5"),
    *("1E+2", "1e-7", "1e22", "1e308", "-1e308"),
    *("1.7976931348623157e308", "5e-324", "2.2250738585072014e-308", "9007199254740993", "9223372036854775807"),
    *("9223372036854775808", "-9223372036854775809", "10000000000001", "1000001", "0.1"),
    *("0.1234567890123456789012345", "123456789012345678901.5", "0e-400"),
)
BEYOND = tuple(map(Number, ("1e400", "-1e400", "1e-400", "1e99999999999999999999", "7" * 301, "7" * 5_000)))
"""Numbers that nobody can carry: the edge refuses them."""
TEXTS = (
    *("", " ", "19.99", "1e5", " 5 ", "+5", "-1", "0x10", "NaN", "Infinity", "-Infinity", "null", "true", "٣", "1_000"),
    *(
        "9" * 40,
        "BRL",
        "brl",
        "it's",
        'say "hi"',
        "C:\\dir",
        "\\u0041",
        "a/b",
        "$.x",
        "{{ x }}",
        "'; DROP TABLE events; --",
    ),
    *("line\nbreak", "\t", "\u0001\u001f\u007f\u0085", "\ufeffbom", "\uffff", "\u2028\u2029", "e\u0301", "é", "İ", "ß"),
    *(
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\U0010ffff",
        "مرحبا",
        "{}",
        "[]",
        '{"order_id":1}',
        "%d",
        "\\",
        '"',
    ),
)
