"""Acts beside reading and writing the record: logging in, break-glass, blocks, relations, tokens; each as one call."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Literal

from django.db import transaction

from tovholder import database
from tovholder.access import audit
from tovholder.access.audit import BREAK_GLASS, Action, Entry, Nobody
from tovholder.access.domain import Context


def record(entry: Entry) -> None:
    """Write an act: in the caller's transaction, else with the answer under way, else at once.

    In a transaction the act and its event are committed together or not at all.
    """
    if database.in_transaction():
        audit.write([entry])
    elif not audit.gather(entry):
        with database.write_turn(), transaction.atomic():
            audit.write([entry])


def record_anyway(entry: Entry) -> None:
    """Write a refusal or a failure: with the answer under way, so that it stays though the work is undone."""
    if not audit.gather(entry):
        record(entry)


def _own(ctx: Context | Nobody) -> frozenset[str]:
    return frozenset({ctx.patient} if ctx.patient else ())


# Logging in


def login(ctx: Context, *, how: str = "") -> None:
    """Somebody logged in. how: a code of the way, such as ``oidc`` or ``persona``."""
    record(Entry(ctx, "login", _own(ctx), how))


def logout(ctx: Context, *, how: str = "") -> None:
    """Somebody logged out. how: ``everywhere``, ``idle``, ``absolute``; empty for this session alone."""
    record(Entry(ctx, "logout", _own(ctx), how))


def login_failed(now: datetime, reason: str, *, request_id: str = "", client: str = "", user: str = "") -> None:
    """A login did not succeed. reason: a code such as ``unknown-person``, ``no-role``, ``state`` or ``rate``.

    user: the opaque id of the account, where it is known whose it was; never a name, never an identifier.
    """
    actor = f"user:{user}" if user else "unknown:"
    nobody = Nobody(now, actor=actor, request_id=request_id, client=client)
    record_anyway(Entry(nobody, "login-failed", frozenset(), reason, "refused"))


def role_chosen(ctx: Context) -> None:
    """Somebody with several roles goes on as this one."""
    record(Entry(ctx, "role", _own(ctx), str(ctx.role)))


def refused(ctx: Context, what: str, patients: frozenset[str] = frozenset()) -> None:
    """Something was asked that is not theirs. what: ``Type/id``, or ``page:<name>``."""
    record_anyway(Entry(ctx, "refused", patients, what, "refused"))


def rights_changed(ctx: Context, what: str) -> None:
    """A user, an assignment, an app or a system was made, changed or taken away. what: such as ``client/<id>``."""
    record(Entry(ctx, "rights", frozenset(), what))


# Break-glass, blocks, relations


def glass_opened(ctx: Context, patient: str, *, number: int, reason: str) -> None:
    """Somebody broke the glass on a patient. number: of the emergency's row; reason: its code."""
    _about(replace(ctx, purpose=BREAK_GLASS), "glass-opened", patient, f"emergency/{number} {reason}")


def glass_ended(ctx: Context, patient: str, *, number: int, how: str = "") -> None:
    """Break-glass came to its end before its time."""
    _about(replace(ctx, purpose=BREAK_GLASS), "glass-ended", patient, f"emergency/{number} {how}".strip())


def glass_followed(ctx: Context, patient: str, *, number: int, status: str) -> None:
    """Somebody looked at a break-glass afterwards and said what came of it. status: a code of emergencies.FOLLOW_UPS."""
    _about(ctx, "glass-followed", patient, f"emergency/{number} {status}")


def block_set(ctx: Context, patient: str, source: str) -> None:
    """A block holds from now on, or another way than before. source: ``Consent/<id>``."""
    _about(ctx, "block-set", patient, source)


def block_ended(ctx: Context, patient: str, source: str) -> None:
    """A block was lifted."""
    _about(ctx, "block-ended", patient, source)


def consent_changed(ctx: Context, patient: str, source: str) -> None:
    """The patient gave, changed or took back a consent or a power of attorney. source: ``Consent/<id>``."""
    _about(ctx, "consent", patient, source)


def stated(ctx: Context, patient: str, *, number: int, until: int) -> None:
    """A professional told that they are treating the patient. number: of the row; until: last integer day it holds."""
    _about(ctx, "stated", patient, f"stated/{number} until:{until}")


def stated_checked(ctx: Context, patient: str, *, number: int, organization: str) -> None:
    """What was told was checked afterwards and confirmed. organization: whose relation it is."""
    _about(replace(ctx, organization=organization), "stated-checked", patient, f"stated/{number}")


def stated_failed(ctx: Context, patient: str, *, number: int, organization: str) -> None:
    """What was told was checked afterwards and could not be confirmed."""
    _about(replace(ctx, organization=organization), "stated-failed", patient, f"stated/{number}")


def _about(ctx: Context, action: Action, patient: str, detail: str) -> None:
    record(Entry(ctx, action, frozenset({patient}), detail))


# Apps and systems


def token_issued(ctx: Context, *, client: str, what: Literal["access", "refresh", "system"] = "access") -> None:
    """An app or system was given a token to act as this user, or as itself."""
    record(Entry(replace(ctx, client=client), "token", _own(ctx), what))


def token_revoked(ctx: Context, *, client: str, why: str = "") -> None:
    """A token holds no longer. why: a code such as ``user``, ``client``, ``replayed``."""
    record(Entry(replace(ctx, client=client), "token-revoked", _own(ctx), why))


def token_failed(now: datetime, reason: str, *, client: str = "", request_id: str = "") -> None:
    """An app or system asked for a token and got none. reason: a code such as ``invalid_client`` or ``replayed``."""
    nobody = Nobody(now, actor=f"system:{client}" if client else "unknown:", client=client, request_id=request_id)
    record_anyway(Entry(nobody, "token-failed", frozenset(), reason, "refused"))
