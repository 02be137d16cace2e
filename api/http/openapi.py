"""The OpenAPI document of the routes in plain ASGI, from the same rows that the code runs on.

In: ``schemas`` and the names of the parameters. Out: paths and components, added to what FastAPI knows by itself.
"""

from fastapi import FastAPI

from api import schemas
from api.http import csv_answers
from api.http.openapi_parameters import PARAMETERS
from lakehouse.http.openapi import NEEDS_TOKEN, TEXT, Json, content, extend, problem_responses, reference, schemas_of
from lakehouse.http.problems import Kind

DESCRIPTION = """\
Hourly metrics of a merchant: fresh, exact, explained, and never silently rewritten.

**Releases.** Every answer is computed from one release, named in its `receipt`. A body is a function of (release,
query), never of the clock: `as_known_at` = `receipt.known_at` gives the same body again, and answers have strong ETags.

**Final, provisional, unknown.** The first `final_buckets` buckets end at or before `complete_through` and change only
by a recorded restatement (`/revisions`). Later buckets are provisional: a number, `0` where nothing has happened yet.
A bucket that begins at or after `released_at` and holds nothing is `null`, and so is 0/0.

**Buckets** are local to `tz`. A 25-hour day has 25 hours. An hour is a stretch of one local date, hour and UTC offset:
where clocks move by half an hour, one bucket has 30 minutes. Numbers are kept by quarter of an hour; a quarter in which
clocks change (at 00:01, in Newfoundland until 2011) is counted whole in the hour that contains most of it, so that up
to a minute is counted under the offset that follows; days have no such error. A day begins at the first instant of its
date. Weeks begin on Monday. Buckets at the ends are clipped to `from` and `to`.

**Currencies.** Money, and ratios of money, give one series for each currency that the merchant has a row of at any
time, sorted, or with `currency` exactly that one; a merchant without any gets one series of zeros with `currency` null.
Counts of orders (`orders`, `orders_cancelled`, `units`) are summed over currencies unless `currency` is given. Other
counts ignore it.

**Amounts** are integers in the currency's minor unit; `exponent` is the number of its decimals. Ratios are given to 6
decimals; ratios and means are computed from the sums of their bucket and rounded half away from zero.

**Checks** are made in this order: 401, 403 (the same whether or not the merchant exists), 404 and 410, 400, 406.
Errors are RFC 9457 problems; their types are listed at `/problems`.
"""

_CSV_RULES = "RFC 4180, UTF-8, a header line, then one line for each"
_CSV = (
    f"{_CSV_RULES} series and bucket. Columns: {', '.join(csv_answers.METRICS_COLUMNS)} and, with `compare`, "
    f"{csv_answers.PREVIOUS_COLUMN}. An empty value is a JSON null."
)
_RESTATEMENTS_CSV = f"{_CSV_RULES} restatement. Columns: {', '.join(csv_answers.RESTATEMENTS_COLUMNS)}."
_REVISIONS_CSV = f"{_CSV_RULES} revision. Columns: {', '.join(csv_answers.REVISIONS_COLUMNS)}."

_ANSWERS = (
    schemas.MetricsAnswer,
    schemas.RevisionsAnswer,
    schemas.RestatementsAnswer,
    schemas.CatalogueAnswer,
    schemas.ReleasesAnswer,
    schemas.StatusAnswer,
    schemas.Health,
    schemas.Problem,
)


def install(app: FastAPI) -> None:
    """Makes ``/openapi.json`` and ``/docs`` complete."""
    extend(app, schemas_of(_ANSWERS), _PATHS, PARAMETERS)


def _refs(*names: str) -> list[Json]:
    return [{"$ref": f"#/components/parameters/{name}"} for name in names]


def _content(answer: type) -> Json:
    return content(reference(answer.__name__))


def _problems(*kinds: Kind) -> Json:
    return problem_responses(kinds, reference(schemas.Problem.__name__))


def _operation(summary: str, description: str, answer: type, parameters: list[Json], responses: Json, tag: str) -> Json:
    ok = {"description": (answer.__doc__ or summary).strip(), "content": _content(answer)}
    found = {"summary": summary, "description": description, "tags": [tag], "parameters": parameters}
    return {"get": found | {"operationId": answer.__name__, "responses": {"200": ok} | responses}}


_ETAG = {"ETag": {"schema": TEXT, "description": "Strong, over the bytes that are sent."}}
_UNCHANGED = {"304": {"description": "The client has this answer (`If-None-Match`)."}}
_NUMBER_PROBLEMS = _UNCHANGED | _problems(
    Kind.UNAUTHORIZED,
    Kind.FORBIDDEN,
    Kind.NOT_FOUND,
    Kind.NO_RELEASE,
    Kind.BEYOND_RETENTION,
    Kind.BAD_PARAMETER,
    Kind.NOT_ACCEPTABLE,
    Kind.UNAVAILABLE,
)


def _numbers(summary: str, description: str, answer: type, csv: str, parameters: list[Json]) -> Json:
    operation = _operation(summary, description, answer, parameters, _NUMBER_PROBLEMS, "numbers")
    ok = operation["get"]["responses"]["200"]
    ok["headers"] = _ETAG
    ok["content"] = ok["content"] | {"text/csv": {"schema": TEXT | {"description": csv}}}
    operation["get"]["security"] = NEEDS_TOKEN
    return operation


_PATHS: Json = {
    "/v1/merchants/{merchant_id}/metrics": _numbers(
        "Metrics of a merchant over time",
        "At most 100,000 values an answer (a setting). Scope insights:read for one's own, insights:read:any for all.",
        schemas.MetricsAnswer,
        _CSV,
        _refs("merchant_id", "metrics", "from", "to", "grain", "tz", "currency", "compare", "as_known_at", "release"),
    ),
    "/v1/merchants/{merchant_id}/revisions": _numbers(
        "How one number has changed",
        "The values that one bucket has had, from its first final one on, each with the release that brought it and "
        "the reason: `first_final`, `late_events`, `new_definition` or `rollback`. A release beyond retention is "
        "included while a retained release has the same gold version. Releases of other gold versions, and of dropped "
        "ones, are left out; where the first final value is among them, the first entry's reason is `oldest_kept`: "
        "what the oldest release that can be read showed. `currency` is required for an amount of a merchant with "
        "several.",
        schemas.RevisionsAnswer,
        _REVISIONS_CSV,
        _refs("merchant_id", "metric", "start", "grain", "tz", "currency", "as_known_at", "release"),
    ),
    "/v1/merchants/{merchant_id}/restatements": _numbers(
        "Which final numbers have changed",
        "A feed, oldest release first: one entry for each release, additive metric, currency and bucket (UTC) that had "
        "been final and that the release changed; kept also beyond the retention of releases. To follow it, keep "
        "`receipt.release` and ask again with it as `since_release`. It lags behind the releases by some seconds: the "
        "receipt names the newest release that has been looked at. `reason` is `late_events`, `new_definition` or "
        "`rollback`.",
        schemas.RestatementsAnswer,
        _RESTATEMENTS_CSV,
        _refs(
            "merchant_id",
            "since_release",
            "after",
            "restated_from",
            "restated_to",
            "restated_metric",
            "restated_limit",
            "as_known_at",
            "release",
        ),
    ),
    "/v1/metrics": _operation(
        "The catalogue of metrics",
        "Titles, units and formulas. No token is needed.",
        schemas.CatalogueAnswer,
        [],
        _UNCHANGED | _problems(Kind.BAD_PARAMETER),
        "facts",
    ),
    "/v1/releases": _operation(
        "The releases, newest first",
        "Those that this process shows. No token is needed.",
        schemas.ReleasesAnswer,
        _refs("limit", "before"),
        _UNCHANGED | _problems(Kind.BAD_PARAMETER),
        "facts",
    ),
    "/v1/status": _operation(
        "How fresh the numbers are",
        "No token is needed.",
        schemas.StatusAnswer,
        [],
        _problems(Kind.BAD_PARAMETER),
        "facts",
    ),
    "/healthz": {
        "get": {
            "summary": "Whether the process answers",
            "tags": ["operations"],
            "responses": {"200": {"description": "It does.", "content": _content(schemas.Health)}},
        }
    },
    "/readyz": {
        "get": {
            "summary": "Whether the release log has been read",
            "tags": ["operations"],
            "responses": {
                "200": {"description": "It has, though it may be empty.", "content": _content(schemas.Health)},
                "503": {"description": "Not yet.", "content": _content(schemas.Health)},
            },
        }
    },
    "/metrics": {
        "get": {
            "summary": "Figures of this process for Prometheus",
            "tags": ["operations"],
            "responses": {
                "200": {"description": "Text exposition format.", "content": {"text/plain": {"schema": TEXT}}}
            },
        }
    },
}
