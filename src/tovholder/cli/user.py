"""``tovholder user …``: who may log in, as what, where and for how long; no CPR number is ever printed."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console, errors

if TYPE_CHECKING:
    from tovholder.access import Context
    from tovholder.access.staff import Given

app = typer.Typer(help="Users: who may log in, in which roles.", no_args_is_help=True)


@app.callback()
def _user() -> None:
    """Citizens are not made here: they come by themselves, and are known by the record."""


@app.command("add")
def add(
    username: str = typer.Argument(..., help="A name for the user here: letters, digits; no CPR number."),
    name: str = typer.Option(..., help="What the user is called on the pages and in the patients' log."),
    issuer: str = typer.Option("", help="Login provider (its id in the file of TOVHOLDER_LOGIN)."),
    login: str = typer.Option("", help="What that provider calls the user; kept as a keyed hash alone."),
) -> None:
    """Make a user, without roles yet."""
    ctx = _ready()
    from tovholder.access import staff

    if bool(issuer) != bool(login):
        raise Problem(Category.INVALID, "--issuer and --login belong together", [Issue("--login", "one is missing")])
    _require_issuer(issuer)
    identity = staff.add(ctx, username, name)
    if issuer:
        staff.link(ctx, username, issuer, login)
    typer.echo(identity)


@app.command("link")
def link(
    username: str = typer.Argument(..., help="The user."),
    issuer: str = typer.Option(..., help="Login provider (its id in the file of TOVHOLDER_LOGIN)."),
    login: str = typer.Option(..., help="What that provider calls the user; kept as a keyed hash alone."),
) -> None:
    """Say what a login provider calls a user."""
    ctx = _ready()
    from tovholder.access import staff

    _require_issuer(issuer)
    staff.link(ctx, username, issuer, login)
    console.print(f"{username} may log in at {issuer}.", markup=False)


@app.command("assign")
def assign(
    username: str = typer.Argument(..., help="The user."),
    role: str = typer.Option(..., help="gp, staff, hospital, prevention, partner, author, analyst or operator."),
    organization: str = typer.Option("", help="sor:…, ydernummer:…, cvr:… or the id of an Organization."),
    practitioner: str = typer.Option(
        "", help="Id or identifier of a Practitioner; without it one is made where needed."
    ),
    first: str = typer.Option("", "--from", help="First day (YYYY-MM-DD)."),
    last: str = typer.Option("", "--to", help="Last day (YYYY-MM-DD)."),
    title: str = typer.Option(
        "", help="What it is called on the pages, in Danish; made from role and place without it."
    ),
    right: list[str] = typer.Option([], help="A right beside the role's; may be given more than once."),
) -> None:
    """Give a user a role in an organisation, for a time; prints its number."""
    ctx = _ready()
    from tovholder.access import staff
    from tovholder.cli import users_file

    told = {
        "role": role,
        "organization": organization,
        "practitioner": practitioner,
        "from": first,
        "to": last,
        "title": title,
        "rights": " ".join(right),
    }
    given = users_file.given_of(told)
    name = staff.name_of(username)
    typer.echo(str(staff.assign(ctx, username, _whole(ctx, given, username, name))))


@app.command("end")
def end(
    username: str = typer.Argument(..., help="The user."),
    number: int = typer.Argument(..., help="Number of the role (tovholder user list)."),
) -> None:
    """End a role now: it is gone at the next request."""
    ctx = _ready()
    from tovholder.access import staff

    staff.end(ctx, username, number)
    console.print(f"Role {number} of {username} has ended.", markup=False)


@app.command("close")
def close(username: str = typer.Argument(..., help="The user.")) -> None:
    """Close a user: sessions and tokens end now, and nobody logs in as them."""
    ctx = _ready()
    from tovholder.access import staff

    staff.close(ctx, username)
    console.print(f"{username} is closed.", markup=False)


@app.command("reopen")
def reopen(username: str = typer.Argument(..., help="The user.")) -> None:
    """Open a closed user again."""
    ctx = _ready()
    from tovholder.access import staff

    staff.reopen(ctx, username)
    console.print(f"{username} is open again.", markup=False)


@app.command("logout")
def logout(username: str = typer.Argument(..., help="The user.")) -> None:
    """End every session and token of a user."""
    ctx = _ready()
    from tovholder.access import staff

    staff.log_out(ctx, username)
    console.print(f"{username} is logged out everywhere.", markup=False)


@app.command("list")
def list_(
    organization: str = typer.Option("", help="Only roles in this organisation (its id)."),
    as_json: bool = typer.Option(False, "--json", help="A JSON list."),
) -> None:
    """Users with their roles. Citizens are not listed."""
    ctx = _ready()
    from tovholder.access import staff

    found = staff.listed(organization=organization)
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in found], ensure_ascii=False))
        return
    for one in found:
        state = "" if one.open else "closed  "
        span = staff.until(one.to_day, ctx.today)
        what = f"{one.number:>5}  {one.role:<10} {one.organization}  {one.title}  {span}" if one.number else "no role"
        console.print(f"{one.username:<20} {one.name:<24} {state}{what}".rstrip(), markup=False)
    if not found:
        console.print("There are no users.")


@app.command("import")
def import_(
    file: Path = typer.Argument(
        ..., help="CSV: username, name, role; issuer, login, organization, practitioner, from …"
    ),
    rejects: Path = typer.Option(Path("users-rejected.csv"), help="Where rows that cannot be used are set aside."),
) -> None:
    """Make users and roles from a staff list; rows that cannot be used are set aside with their reasons, exit 1."""
    ctx = _ready()
    from tovholder.access import staff
    from tovholder.cli import users_file

    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        issue = Issue(str(file), "the file cannot be read", "a CSV file in UTF-8")
        raise Problem(Category.INVALID, "The staff list cannot be used", [issue]) from None
    lines = text.splitlines()
    aside: list[tuple[int, str]] = []
    done = 0
    for row in users_file.read(text, file.name):
        if isinstance(row, tuple):
            aside.append((row[0], "; ".join(str(issue) for issue in row[1])))
            continue
        try:
            with staff.together():
                if not staff.is_there(row.username):
                    staff.add(ctx, row.username, row.name)
                if row.issuer:
                    staff.link(ctx, row.username, row.issuer, row.login)
                staff.assign(ctx, row.username, _whole(ctx, row.given, row.username, row.name))
            done += 1
        except Problem as problem:
            aside.append((row.line, "; ".join(str(issue) for issue in problem.issues)))
    console.print(f"{done} roles given, {len(aside)} rows set aside.")
    if aside:
        _set_aside(rejects, lines, aside)
        raise typer.Exit(1)


def _set_aside(path: Path, lines: list[str], aside: list[tuple[int, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as out:
        out.write(f"{lines[0]}\n" + "".join(f"{lines[line - 1]}\n" for line, _ in aside if line <= len(lines)))
    for line, why in aside:
        errors.print(f"line {line}: {why}", markup=False)
    errors.print(f"Set aside in {path}: {len(aside)}. Mend them and import that file.", markup=False)


def _whole(ctx: Context, given: Given, username: str, name: str) -> Given:
    """The role with its title, and with a practitioner where the user appears in the record and is not in it yet."""
    from tovholder.access import staff
    from tovholder.cli import users_file
    from tovholder.store import registry
    from tovholder.web.entry import title_of

    practitioner = given.practitioner
    if not practitioner and given.role in users_file.PLACED:
        practitioner = staff.practitioner_of_user(username) or registry.new_practitioner(name, ctx.now)
    title = given.title or title_of(given.role, given.organization)
    return replace(given, practitioner=practitioner, title=title)


def _ready() -> Any:
    setup.django()
    from tovholder.access import system_context

    return system_context(setup.now(), "operator", live=True)


def _require_issuer(issuer: str) -> None:
    from tovholder.access import issuers

    if issuer and issuers.find(issuer) is None:
        known = ", ".join(one.id for one in issuers.current()) or "none; set TOVHOLDER_LOGIN"
        raise Problem(Category.INVALID, "That is no login provider here", [Issue("--issuer", "unknown", known)])
