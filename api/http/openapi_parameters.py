"""The parameters of the routes in plain ASGI, as OpenAPI describes them."""

from typing import Any

from api.http.query import MAX_RELEASES, MAX_RESTATEMENTS
from api.series.buckets import Grain
from lakehouse.contracts.metrics import METRICS
from lakehouse.http.openapi import TEXT, Json, in_path, in_query


def _parameter(name: str, description: str, schema: Json, example: Any = None, required: bool = False) -> Json:
    found = in_query(name, description, schema, required=required)
    return found if example is None else found | {"example": example}


_MOMENT = (
    "An instant with an offset (RFC 3339), or a local date in `tz`, which stands for its first instant. "
    "Numbers are kept by quarter of an hour: `from` is taken back to the quarter that it lies in, `to` forward to the "
    "end of its; the answer says what it covers."
)
_INSTANT_OR_DATE = "An instant with an offset (RFC 3339), or a date in UTC."
_METRIC: Json = {"type": "string", "enum": list(METRICS)}

PARAMETERS: dict[str, Json] = {
    "merchant_id": in_path(
        "merchant_id",
        "The token's `sub`, or any merchant with the scope insights:read:any.",
        {"type": "string", "pattern": r"^(?!\.{1,2}$)[A-Za-z0-9._-]{1,64}$"},
    ),
    "metrics": _parameter(
        "metrics",
        "Names of the catalogue (`/v1/metrics`), separated by commas, each once.",
        {"type": "array", "items": _METRIC, "minItems": 1},
        ["gross_sales", "orders"],
        required=True,
    )
    | {"style": "form", "explode": False},
    "metric": _parameter("metric", "One name of the catalogue.", _METRIC, "gross_sales", required=True),
    "from": _parameter("from", f"Begin, included. {_MOMENT}", TEXT, "2026-11-16", required=True),
    "to": _parameter("to", f"End, not included, after `from`. {_MOMENT}", TEXT, "2026-11-23", required=True),
    "start": _parameter(
        "start", "Where the bucket begins: one of `starts`, or a local date.", TEXT, "2026-11-16", required=True
    ),
    "grain": _parameter(
        "grain",
        "Length of a bucket. Where clocks are changed within a quarter of an hour, all of it is in the hour that has "
        "most of it; days, weeks and months are exact.",
        {"type": "string", "enum": list(Grain), "default": Grain.HOUR},
    ),
    "tz": _parameter("tz", "IANA time zone of the buckets.", {"type": "string", "default": "UTC"}, "America/Sao_Paulo"),
    "currency": _parameter("currency", "ISO 4217 code in upper case.", {"type": "string", "pattern": "^[A-Z]{3}$"}),
    "compare": _parameter(
        "compare",
        "Adds `previous` to each series: the smallest number of local days before (grain month: of months; a day that "
        "a month lacks is its last) with which the previous period ends at or before the begin of this one. Values are "
        "aligned by local time; an hour that the previous period lacks is null, one that it has twice is summed.",
        {"type": "string", "enum": ["previous_period"]},
    ),
    "as_known_at": _parameter(
        "as_known_at",
        "The answer as it was at this instant (RFC 3339 with an offset): that of the release with the greatest "
        "`released_at` not after it. Not together with `release`.",
        {"type": "string", "format": "date-time"},
    ),
    "release": _parameter(
        "release", "The answer of this release. Not together with `as_known_at`.", {"type": "integer", "minimum": 1}
    ),
    "limit": _parameter(
        "limit", "Entries of a page.", {"type": "integer", "minimum": 1, "maximum": MAX_RELEASES, "default": 100}
    ),
    "since_release": _parameter(
        "since_release",
        "Only restatements of releases with a higher number. Not together with `after`.",
        {"type": "integer", "minimum": 0, "default": 0},
    ),
    "after": _parameter("after", "The next page: `next` of the page before, with the same other parameters.", TEXT),
    "restated_from": _parameter("from", f"Only buckets that begin then or later. {_INSTANT_OR_DATE}", TEXT),
    "restated_to": _parameter("to", f"Only buckets that begin before. {_INSTANT_OR_DATE}", TEXT),
    "restated_metric": _parameter(
        "metric",
        "One additive metric.",
        {"type": "string", "enum": [name for name, metric in METRICS.items() if metric.additive]},
    ),
    "restated_limit": _parameter(
        "limit", "Entries of a page.", {"type": "integer", "minimum": 1, "maximum": MAX_RESTATEMENTS, "default": 1000}
    ),
    "before": _parameter("before", "Only releases with a lower number.", {"type": "integer", "minimum": 0}),
}
