"""Which of two representations a client wants: JSON, or a page for people.

In: the value of ``Accept``. Out: whether it is the page; 406 where it is neither. Pure.
"""

from lakehouse.http.problems import Kind, ProblemError

_RANGES = {
    "application/json": ("application/json", "application/*", "*/*"),
    "text/html": ("text/html", "text/*", "*/*"),
}


def prefers_page(accept: str) -> bool:
    """The page only if it is wanted more: a program that accepts anything gets JSON."""
    weights = dict(map(_weighted, accept.split(","))) if accept.strip() else {"*/*": 1.0}
    page, json = (_weight(weights, media_type) for media_type in ("text/html", "application/json"))
    if not page and not json:
        raise ProblemError(Kind.NOT_ACCEPTABLE, "there is application/json and text/html")
    return page > json


def _weighted(part: str) -> tuple[str, float]:
    media_type, *parameters = (each.strip().lower() for each in part.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return media_type, min(1.0, max(0.0, float(quality)))
    except ValueError:
        return media_type, 0.0


def _weight(weights: dict[str, float], media_type: str) -> float:
    """Of the narrowest range that is named."""
    return next((weights[name] for name in _RANGES[media_type] if name in weights), 0.0)
