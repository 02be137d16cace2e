"""``lakehouse token issue|revoke``: signed tokens for merchants, browsers and operators.

In: a merchant, scopes, a lifetime. Out: the token on stdout and nothing else, so that a script can keep it.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from lakehouse.cli.operator import DryRun
from lakehouse.cli.output import Format, print_plan
from lakehouse.errors import RefusedError
from lakehouse.settings import Settings
from lakehouse.tokens.claims import MERCHANT_ID_RULE, Scope
from lakehouse.tokens.exchange import exchange_once
from lakehouse.tokens.issue import claims, issue
from lakehouse.tokens.keys import KeyFolder
from lakehouse.tokens.revoke import revoke_merchant, revoke_token
from lakehouse.verb_plan import VerbPlan

app = typer.Typer(add_completion=False, help="Issue and revoke tokens.", no_args_is_help=True)

Output = Annotated[Format, typer.Option("--format", help="With --dry-run: for people or for programs.")]
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


def _to_issue(said: dict[str, Any]) -> VerbPlan:
    until = datetime.fromtimestamp(said["exp"], UTC).isoformat()
    step = f"a token of {said['sub']} with the scopes {said['scope']} is signed, valid until {until}"
    return VerbPlan("token issue", (step,), {"merchant": said["sub"], "scope": said["scope"], "expires_at": until})


def _to_revoke(jti: str | None, merchant: str | None) -> VerbPlan:
    """``was_revoked`` tells whether that has been done before."""
    known = KeyFolder(Settings().keys_path).read_revocations()
    was_revoked = jti in known.jti if jti is not None else merchant in known.sub
    what = f"the token {jti} is" if jti is not None else f"all tokens of {merchant} issued until now are"
    step = f"{what} revoked{', as before' if was_revoked else ''}"
    return VerbPlan("token revoke", (step,), {"jti": jti, "merchant": merchant, "was_revoked": was_revoked})


@app.command("issue", epilog="Example: lakehouse token issue --merchant shop-1 --scope events:write --ttl 30d")
def issue_command(
    merchant: Annotated[
        str, typer.Option(help=f"Merchant id, or with --scope ops the operator's name: {MERCHANT_ID_RULE}.")
    ],
    scope: Annotated[list[Scope], typer.Option(help="May be given several times.")],
    ttl: Annotated[str | None, typer.Option(help="Lifetime, as in 30d, 12h or 90m.")] = None,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Prints a signed token."""
    lifetime = parse_ttl(ttl) if ttl else None
    if dry_run:
        print_plan(_to_issue(claims(Settings(), merchant, scope, lifetime)), output)
        return
    print(issue(Settings(), merchant, scope, lifetime))
    try:
        exchange_once(Settings())
    except RefusedError as error:
        typer.echo(str(error), err=True)


@app.command("revoke", epilog="Example: lakehouse token revoke --merchant shop-1")
def revoke_command(
    jti: Annotated[str | None, typer.Option(help="The id (`jti`) of one token.")] = None,
    merchant: Annotated[str | None, typer.Option(help="All tokens of this merchant issued until now.")] = None,
    dry_run: DryRun = False,
    output: Output = Format.TABLE,
) -> None:
    """Revokes one token, or all tokens of a merchant. Takes effect within a minute.

    No list is kept of the tokens that were issued: what was never issued is revoked, too.
    """
    if (jti is None) == (merchant is None):
        raise RefusedError("say either --jti or --merchant")
    if dry_run:
        print_plan(_to_revoke(jti, merchant), output)
        return
    if jti is not None:
        revoke_token(Settings(), jti)
    if merchant is not None:
        revoke_merchant(Settings(), merchant)
    why = exchange_once(Settings())
    typer.echo("revoked" if why is None else f"revoked on this host; others do not know yet: {why}", err=True)
