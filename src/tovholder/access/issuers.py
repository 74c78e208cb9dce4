"""The login providers people come from (OpenID Connect issuers): a TOML file, checked whole before the server starts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeyParameters, RSAKey

from tovholder.access.domain import Role
from tovholder.base.errors import Category, Issue, Problem

# Signatures by a key of the provider's alone: with a shared secret whoever knows it could sign for anybody.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
CLAIMS = {
    "citizen": frozenset({"cpr", "name", "acr"}),
    "staff": frozenset({"subject", "name", "acr", "organization", "role", "assignments", "practitioner"}),
}
ORGANIZATION_KINDS = ("sor", "ydernummer", "cvr")
# What a provider may make somebody: nobody becomes an operator or a system by a claim.
CLAIMED_ROLES = (Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER, Role.ANALYST, Role.AUTHOR)
_KEYS = frozenset(
    {
        "id", "kind", "title", "issuer", "client_id", "secret_env", "key_file", "key_id", "key_algorithm", "scopes",
        "algorithms", "acr", "claims", "organization_kind", "roles", "provision", "userinfo", "end_session",
        "id_token_hint",
    }
)  # fmt: skip
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Kind(StrEnum):
    """Whom a provider knows."""

    CITIZEN = "citizen"
    STAFF = "staff"


@dataclass(frozen=True, slots=True)
class Issuer:
    """One login provider, and what we are to it.

    title: its button, by language. secret: the client's secret, or key: its private key (private_key_jwt). acr: levels
    of assurance of which a login must have one. claims: which claim says what (``a/b`` is b inside a). roles: what a
    value of the role claim is here. provision: staff nobody has made a user for are let in by their claims.
    """

    id: str
    kind: Kind
    title: Mapping[str, str]
    issuer: str
    client_id: str
    secret: str = field(default="", repr=False)
    key: RSAKey | ECKey | None = field(default=None, repr=False)
    key_algorithm: str = "RS256"
    scopes: tuple[str, ...] = ("openid",)
    algorithms: tuple[str, ...] = ("RS256", "PS256", "ES256")
    acr: tuple[str, ...] = ()
    claims: Mapping[str, str] = field(default_factory=dict)
    organization_kind: str = "sor"
    roles: Mapping[str, Role] = field(default_factory=dict)
    provision: bool = False
    userinfo: bool = False
    end_session: bool = True
    id_token_hint: bool = False

    def claim(self, claims: Mapping[str, Any], name: str) -> Any:
        """What the claims say under the name it has with this provider; None when they do not."""
        path = self.claims.get(name, _USUAL.get(name, ""))
        if path in claims:
            return claims[path]
        found: Any = claims
        for part in path.split("/"):
            found = found.get(part) if isinstance(found, Mapping) else None
        return found


_USUAL = {"subject": "sub", "name": "name", "acr": "acr", "cpr": "cpr"}


def load(text: str, name: str, environ: Mapping[str, str], *, folder: Path, loopback: bool) -> tuple[Issuer, ...]:
    """The issuers a TOML text names. Raises Problem(INVALID) with everything that is wrong, each with its place.

    environ: where secrets come from; folder: from where key files are told. loopback: an issuer on this machine may do
    without https (demo and tests).
    """
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, [Issue(name, str(error), "TOML")]) from None
    issues = [Issue(f"{name}: {key}", "unknown key", "[[issuer]]") for key in sorted(told.keys() - {"issuer"})]
    rows = told.get("issuer", [])
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise _wrong(name, [*issues, Issue(name, "no issuer is told", "one [[issuer]] or more")])
    found = []
    for number, row in enumerate(rows, start=1):
        check = _Check(row, f"{name}: issuer[{number}]", environ, folder, loopback)
        found.append(check.issuer())
        issues += check.issues
    ids = [issuer.id for issuer in found]
    issues += [
        Issue(f"{name}: {one}", "two issuers have this id", "one of each") for one in set(ids) if ids.count(one) > 1
    ]
    if issues:
        raise _wrong(name, issues)
    return tuple(found)


def read(path: Path, environ: Mapping[str, str], *, loopback: bool) -> tuple[Issuer, ...]:
    """The issuers in a file. Raises Problem(INVALID)."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise _wrong(path.name, [Issue(path.name, "the file cannot be read", "a TOML file in UTF-8")]) from None
    return load(text, path.name, environ, folder=path.absolute().parent, loopback=loopback)


_issuers: tuple[Issuer, ...] = ()


def use(found: Iterable[Issuer]) -> None:
    """Put these in force for this process."""
    global _issuers
    _issuers = tuple(found)


def current() -> tuple[Issuer, ...]:
    """Those in force."""
    return _issuers


def find(issuer_id: str) -> Issuer | None:
    """One of those in force."""
    return next((issuer for issuer in _issuers if issuer.id == issuer_id), None)


def _wrong(name: str, issues: Iterable[Issue]) -> Problem:
    return Problem(Category.INVALID, f"The login providers in {name} cannot be used", issues, kept="nobody can log in")


@dataclass
class _Check:
    """Reads one table of the file and gathers what is wrong with it."""

    row: Mapping[str, Any]
    where: str
    environ: Mapping[str, str]
    folder: Path
    loopback: bool
    issues: list[Issue] = field(default_factory=list)

    def issuer(self) -> Issuer:
        for key in sorted(self.row.keys() - _KEYS):
            self.wrong(key, "unknown key", ", ".join(sorted(_KEYS)))
        kind = self.one_of("kind", "citizen", tuple(Kind))
        title = self.row.get("title")
        titles = title if isinstance(title, dict) else {"da": title}
        if set(titles) - {"da", "en"} or not all(isinstance(text, str) and text for text in titles.values()):
            self.wrong("title", "no text for a button", '{ da = "Log ind med MitID", en = "Log in with MitID" }')
            titles = {"da": "?"}
        private, secret = self.key(), self.secret()
        if (private is None) == (not secret):
            self.wrong("secret_env", "neither or both of secret and key", "secret_env or key_file, one of them")
        scopes = self.texts("scopes", ("openid",))
        if "openid" not in scopes:
            self.wrong("scopes", "openid is missing", '["openid", …]')
        identity = self.text("id")
        if not re.fullmatch(r"[a-z0-9-]{1,40}", identity) or identity == "persona":
            self.wrong("id", "not a name of its own", "small letters, digits and hyphens; it stands in addresses")
        return Issuer(
            id=identity,
            kind=Kind(kind),
            title={"da": str(titles.get("da", "")), "en": str(titles.get("en") or titles.get("da", ""))},
            issuer=self.address(),
            client_id=self.text("client_id"),
            secret=secret,
            key=private,
            key_algorithm=self.one_of("key_algorithm", "RS256", ALGORITHMS),
            scopes=scopes,
            algorithms=self.several_of("algorithms", ("RS256", "PS256", "ES256"), ALGORITHMS),
            acr=self.texts("acr", ()),
            claims=self.claims(kind),
            organization_kind=self.one_of("organization_kind", "sor", ORGANIZATION_KINDS),
            roles=self.roles(kind),
            provision=self.flag("provision", False),
            userinfo=self.flag("userinfo", False),
            end_session=self.flag("end_session", True),
            id_token_hint=self.flag("id_token_hint", False),
        )

    def wrong(self, key: str, message: str, expected: str) -> None:
        self.issues.append(Issue(f"{self.where}.{key}", message, expected))

    def text(self, key: str) -> str:
        found = self.row.get(key)
        if not isinstance(found, str) or not found.strip():
            self.wrong(key, "missing", "a text")
            return "?"
        return found.strip()

    def texts(self, key: str, usual: tuple[str, ...]) -> tuple[str, ...]:
        found = self.row.get(key, list(usual))
        if not isinstance(found, list) or not all(isinstance(one, str) and one for one in found):
            self.wrong(key, "not a list of texts", '["…"]')
            return usual
        return tuple(found)

    def several_of(self, key: str, usual: tuple[str, ...], choices: tuple[str, ...]) -> tuple[str, ...]:
        found = self.texts(key, usual)
        if not found or set(found) - set(choices):
            self.wrong(key, "not one we take", ", ".join(choices))
        return found

    def one_of(self, key: str, usual: str, choices: tuple[str, ...]) -> str:
        found = self.row.get(key, usual)
        if found not in choices:
            self.wrong(key, "not one we know", ", ".join(choices))
            return usual
        return str(found)

    def flag(self, key: str, usual: bool) -> bool:
        found = self.row.get(key, usual)
        if not isinstance(found, bool):
            self.wrong(key, "neither yes nor no", "true or false")
            return usual
        return found

    def address(self) -> str:
        found = self.text("issuer")
        parts = urlsplit(found)
        near = self.loopback and parts.hostname in _LOOPBACK
        if not parts.hostname or parts.query or parts.fragment or parts.scheme not in ("https", *(["http"] * near)):
            self.wrong("issuer", "not the address of an issuer", "https://…, as the issuer itself writes it")
        return found

    def secret(self) -> str:
        if "secret" in self.row:
            self.wrong(
                "secret", "a secret does not belong in the file", 'secret_env = "NAME" of a variable that holds it'
            )
        if "secret_env" not in self.row:
            return ""
        found = self.environ.get(self.text("secret_env"), "")
        if not found:
            self.wrong("secret_env", "that environment variable is empty", "the client's secret in it")
        return found or "?"

    def key(self) -> RSAKey | ECKey | None:
        if "key_file" not in self.row:
            return None
        kind: type[RSAKey] | type[ECKey] = ECKey if str(self.row.get("key_algorithm", "")).startswith("ES") else RSAKey
        parameters: KeyParameters = {"kid": str(self.row["key_id"])} if "key_id" in self.row else {}
        try:
            found: RSAKey | ECKey = kind.import_key((self.folder / self.text("key_file")).read_bytes(), parameters)
        except (OSError, ValueError, TypeError, JoseError):
            self.wrong("key_file", "no such private key", "a PEM file with the private key of key_algorithm")
            return None
        if not found.is_private:
            self.wrong("key_file", "a public key", "the private key")
        return found

    def claims(self, kind: str) -> Mapping[str, str]:
        found = self.row.get("claims", {})
        if not isinstance(found, dict) or not all(isinstance(one, str) and one for one in found.values()):
            self.wrong("claims", "not a table of claim names", 'claims = { name = "name" }')
            return {}
        for key in sorted(found.keys() - CLAIMS[kind]):
            self.wrong(f"claims.{key}", "unknown here", ", ".join(sorted(CLAIMS[kind])))
        return found

    def roles(self, kind: str) -> Mapping[str, Role]:
        found = self.row.get("roles", {})
        if not isinstance(found, dict):
            self.wrong("roles", "not a table", 'roles = { "their word" = "gp" }')
            return {}
        for key, role in found.items():
            if role not in CLAIMED_ROLES:
                self.wrong(f'roles."{key}"', "not a role a provider may give", ", ".join(CLAIMED_ROLES))
        if kind == Kind.STAFF and self.row.get("provision") and not found:
            self.wrong("roles", "provision without roles lets nobody in", 'roles = { "their word" = "gp" }')
        return {key: Role(role) for key, role in found.items() if role in CLAIMED_ROLES}
