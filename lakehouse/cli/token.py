"""``lakehouse token issue|revoke``: signed tokens for merchants, browsers and operators.

In: a merchant, scopes, a lifetime. Out: the token on stdout and nothing else, so that a script can keep it.
"""

import re
from datetime import timedelta
from typing import Annotated

import typer

from lakehouse.errors import RefusedError
from lakehouse.settings import Settings
from lakehouse.tokens.claims import MERCHANT_ID_RULE, Scope
from lakehouse.tokens.issue import issue
from lakehouse.tokens.revoke import revoke_merchant, revoke_token

app = typer.Typer(add_completion=False, help="Issue and revoke tokens.", no_args_is_help=True)

_TTL = re.compile(r"([1-9]\d{0,8})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_ttl(text: str) -> timedelta:
    """``30d`` or ``90m``: a whole number of seconds, minutes, hours, days or weeks."""
    match = _TTL.fullmatch(text.strip())
    if not match:
        raise RefusedError(f"{text!r} is no lifetime: write a number and one of s, m, h, d, w, as in --ttl 30d")
    ttl = timedelta(**{_UNITS[match[2]]: int(match[1])})
    if ttl > timedelta(days=3650):
        raise RefusedError("a token lives for at most ten years (--ttl 3650d)")
    return ttl


@app.command("issue", epilog="Example: lakehouse token issue --merchant shop-1 --scope events:write --ttl 30d")
def issue_command(
    merchant: Annotated[
        str, typer.Option(help=f"Merchant id, or with --scope ops the operator's name: {MERCHANT_ID_RULE}.")
    ],
    scope: Annotated[list[Scope], typer.Option(help="May be given several times.")],
    ttl: Annotated[str | None, typer.Option(help="Lifetime, as in 30d, 12h or 90m.")] = None,
) -> None:
    """Prints a signed token."""
    print(issue(Settings(), merchant, scope, parse_ttl(ttl) if ttl else None))


@app.command("revoke", epilog="Example: lakehouse token revoke --merchant shop-1")
def revoke_command(
    jti: Annotated[str | None, typer.Option(help="The id (`jti`) of one token.")] = None,
    merchant: Annotated[str | None, typer.Option(help="All tokens of this merchant issued until now.")] = None,
) -> None:
    """Revokes one token, or all tokens of a merchant. Takes effect within seconds."""
    if (jti is None) == (merchant is None):
        raise RefusedError("say either --jti or --merchant")
    if jti is not None:
        revoke_token(Settings(), jti)
    if merchant is not None:
        revoke_merchant(Settings(), merchant)
    typer.echo("revoked", err=True)
