"""``tovholder client``: the apps and systems that may come to the API."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from tovholder.base.errors import Category, Issue, Problem
from tovholder.cli import setup
from tovholder.cli.setup import console

if TYPE_CHECKING:
    from tovholder.access.smart.domain import Client

app = typer.Typer(help="Apps and systems that may come to the API (SMART on FHIR).", no_args_is_help=True)


@app.command("add")
def add(
    name: str = typer.Argument(..., help="What people call it."),
    use: str = typer.Option("app", help="app: a person opens it; system: it fetches data by itself."),
    method: str = typer.Option(
        "", help="none, private_key_jwt, client_secret_basic, client_secret_post [none for an app without keys]."
    ),
    identity: str = typer.Option("", "--id", help="Its client_id; made at random without."),
    role: list[str] = typer.Option([], help="For whom an app is (several); what a system acts as (one) [all; system]."),
    organization: str = typer.Option(
        "", help="Id of the organisation whose it is; what a system with a role acts for."
    ),
    scope: list[str] = typer.Option(..., help="The most it may be given, such as patient/Observation.rs (several)."),
    redirect: list[str] = typer.Option([], help="Where an app comes back to, letter by letter (several)."),
    launch: str = typer.Option("", help="Where an app is opened from a patient's page."),
    origin: list[str] = typer.Option(
        [], help="From where its pages call us [where the app comes back to, without keys]."
    ),
    jwks: Path | None = typer.Option(None, help="File with its public keys."),
    jwks_uri: str = typer.Option("", help="Where its public keys are fetched instead."),
    preapproved: bool = typer.Option(False, help="Its own organisation's people are not asked first."),
    sees_blocked: bool = typer.Option(
        False, help="A system is shown what patients have blocked, and keeps the blocks towards its own users."
    ),
    about: str = typer.Option("", help="What it does, in a sentence."),
    algorithm: str = typer.Option("RS256", help="What its id_tokens are signed with: RS256 or ES384."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object."),
) -> None:
    """Register an app or a system. A shared secret is printed once and kept nowhere."""
    setup.django()
    from tovholder.access.domain import Role
    from tovholder.access.smart import clients
    from tovholder.access.smart.domain import APP_ROLES, Client, Method, Use

    of_system = use == str(Use.SYSTEM)
    keyed = jwks is not None or bool(jwks_uri) or of_system
    wanted = method or str(Method.PRIVATE_KEY if keyed else Method.PUBLIC)
    roles = tuple(_one_of("--role", text, Role) for text in role)
    client = Client(
        id=identity,
        name=name,
        use=_one_of("--use", use, Use),
        method=_one_of("--method", wanted, Method),
        roles=roles or ((Role.SYSTEM,) if of_system else APP_ROLES),
        organization=organization,
        redirects=tuple(redirect),
        launch=launch,
        origins=tuple(origin) or (clients.origins_of(tuple(redirect)) if wanted == str(Method.PUBLIC) else ()),
        scopes=" ".join(scope),
        jwks=jwks.read_text(encoding="utf-8") if jwks is not None else "",
        jwks_uri=jwks_uri,
        preapproved=preapproved,
        algorithm=algorithm,
        about=about,
        sees_blocked=sees_blocked,
    )
    made = clients.add(client, setup.now(), id_is_given=bool(identity))
    _note(f"client/{made.client.id} added")
    told = _told(made.client) | ({"client_secret": made.secret} if made.secret else {})
    if as_json:
        typer.echo(json.dumps(told))
        return
    console.print(f"Registered. client_id: {made.client.id}", markup=False)
    if made.secret:
        console.print(f"client_secret (shown this once): {made.secret}", markup=False)


@app.command("list")
def list_(as_json: bool = typer.Option(False, "--json", help="One JSON object for each, a line each.")) -> None:
    """All apps and systems."""
    setup.django()
    from tovholder.access.smart import clients

    found = clients.everyone()
    if as_json:
        for one in found:
            typer.echo(json.dumps(_told(one)))
        return
    for one in found:
        state = "ended" if one.ended else str(one.method)
        console.print(f"{one.id}  {one.use}  {state}  {one.name}", markup=False)
    if not found:
        console.print("No app or system is registered.")


@app.command("show")
def show(client_id: str = typer.Argument(..., help="Its client_id.")) -> None:
    """All that is registered of one, as JSON."""
    setup.django()
    from tovholder.access.smart import clients

    typer.echo(json.dumps(_told(clients.get(client_id)), indent=2, ensure_ascii=False))


@app.command("key")
def key(
    client_id: str = typer.Argument("", help="Its client_id; without one, our own signing keys are renewed."),
    jwks: Path | None = typer.Option(None, help="File with its public keys, in place of those there are."),
    jwks_uri: str = typer.Option("", help="Where its public keys are fetched from now on."),
) -> None:
    """Give a client other keys, or (one that has a shared secret) another secret; or renew our own signing keys."""
    setup.django()
    from tovholder.access.smart import clients, keys
    from tovholder.access.smart.clients import get

    if not client_id:
        count = keys.rotate(setup.now())
        _note("signing-keys renewed")
        console.print(f"{count} signing keys made; those before are published until what they signed has run out.")
        return
    client = get(client_id)
    if client.method.is_secret:
        secret = clients.new_secret(client_id)
        console.print(f"client_secret (shown this once; the one before has ended): {secret}", markup=False)
    else:
        if (jwks is None) == (not jwks_uri):
            raise Problem(
                Category.INVALID,
                "Say which keys",
                [Issue("--jwks", "one place is needed", "--jwks FILE or --jwks-uri ADDRESS", "value")],
                kept="the keys there are",
            )
        text = jwks.read_text(encoding="utf-8") if jwks is not None else ""
        clients.change(replace(client, jwks=text, jwks_uri=jwks_uri))
        console.print("Its other keys hold from now on.")
    _note(f"client/{client_id} key")


@app.command("end")
def end(client_id: str = typer.Argument(..., help="Its client_id.")) -> None:
    """End an app or a system, with all it was given, from the next request on."""
    setup.django()
    from tovholder.access.smart import clients

    ended = clients.end(client_id, setup.now())
    _note(f"client/{client_id} ended")
    console.print(f"Ended, with {ended} grants.")


def _one_of(option: str, text: str, kind: Any) -> Any:
    try:
        return kind(text)
    except ValueError:
        wanted = f"one of: {', '.join(kind)}"
        raise Problem(
            Category.INVALID,
            f"{option} cannot be {text}",
            [Issue(option, "unknown", wanted, "value")],
            kept="all as it was",
        ) from None


def _note(what: str) -> None:
    from tovholder.access import audit_acts, system_context

    audit_acts.rights_changed(system_context(setup.now(), "client"), what)


def _told(one: Client) -> dict[str, Any]:
    told: dict[str, Any] = {
        "client_id": one.id,
        "name": one.name,
        "about": one.about,
        "use": str(one.use),
        "method": str(one.method),
        "roles": [str(role) for role in one.roles],
        "organization": one.organization,
        "scopes": one.scopes,
        "redirects": list(one.redirects),
        "launch": one.launch,
        "origins": list(one.origins),
        "jwks": json.loads(one.jwks) if one.jwks else None,
        "jwks_uri": one.jwks_uri,
        "preapproved": one.preapproved,
        "algorithm": one.algorithm,
        "sees_blocked": one.sees_blocked,
        "ended": one.ended,
    }
    return {name: value for name, value in told.items() if value not in ("", None, [], False)}
