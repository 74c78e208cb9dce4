"""What apps and systems are and may ask: clients, launches, what was asked of the authorization server; pure values."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tovholder.access.domain import Role


class Method(StrEnum):
    """How a client proves who it is at the token endpoint (RFC 7591 §2, names of the OAuth registry)."""

    PUBLIC = "none"  # an app in a browser or on a phone: PKCE is all there is
    PRIVATE_KEY = "private_key_jwt"  # preferred: we hold nothing that could be stolen
    SECRET_BASIC = "client_secret_basic"  # noqa: S105 # a method's name; discouraged, kept hashed
    SECRET_POST = "client_secret_post"  # noqa: S105 # likewise

    @property
    def is_secret(self) -> bool:
        """Whether a shared secret is what proves it."""
        return self in (Method.SECRET_BASIC, Method.SECRET_POST)


class Use(StrEnum):
    """What a client is."""

    APP = "app"  # acts for a person who is there: SMART App Launch
    SYSTEM = "system"  # acts by itself: Backend Services


# Who can be at a screen with an app. An operator and an author see no patient; a system has no screen.
APP_ROLES = (
    Role.CITIZEN,
    Role.REPRESENTATIVE,
    Role.GP,
    Role.STAFF,
    Role.HOSPITAL,
    Role.PREVENTION,
    Role.PARTNER,
)
# Who looks after several patients, and so chooses one.
CHOOSING_ROLES = frozenset({Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})

# Assertions are signed by these alone (SMART App Launch 2.2 §Client authentication: asymmetric).
ASSERTION_ALGORITHMS = ("RS384", "ES384")
ID_TOKEN_ALGORITHMS = ("RS256", "ES384")

# Seconds.
CODE_SECONDS = 60
LAUNCH_SECONDS = 300
REQUEST_SECONDS = 900
ACCESS_SECONDS = 900
SYSTEM_ACCESS_SECONDS = 300  # Backend Services: short, and asked anew
ID_TOKEN_SECONDS = 900
ASSERTION_SECONDS = 300  # the longest an assertion may hold
ONLINE_SECONDS = 8 * 3600
OFFLINE_SECONDS = 90 * 86_400  # without being used


@dataclass(frozen=True, slots=True)
class Client:
    """An app or a system that is registered.

    use: what it is. roles: for which people an app is; for a system, what it acts as (one). organization: whose it is
    ("" for a vendor that serves many). scopes: the most it may be given, as written. origins: from where its pages in
    a browser call us. jwks: its public keys; jwks_uri: where they are fetched instead. preapproved: its own
    organisation's people are not asked whether it may. sees_blocked: a system that is shown what patients have blocked,
    since it keeps the blocks towards its own users.
    """

    id: str
    name: str
    use: Use
    method: Method
    roles: tuple[Role, ...]
    organization: str = ""
    redirects: tuple[str, ...] = ()
    launch: str = ""
    origins: tuple[str, ...] = ()
    scopes: str = ""
    jwks: str = ""
    jwks_uri: str = ""
    preapproved: bool = False
    algorithm: str = ID_TOKEN_ALGORITHMS[0]
    about: str = ""
    ended: bool = False
    sees_blocked: bool = False

    @property
    def told(self) -> str:
        """As the audit trail names it: what people call it, and the id nobody else has."""
        return f"{self.name[:66]} ({self.id[:30]})"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an app is launched into. references: fhirContext beside patient and encounter, as (type, id, role)."""

    patient: str = ""
    encounter: str = ""
    references: tuple[tuple[str, str, str], ...] = ()
    intent: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """An authorization request that may go on: client, address and PKCE challenge have been checked."""

    client: str
    redirect: str
    scope: str
    state: str
    challenge: str
    nonce: str = ""
    launch: str = ""
