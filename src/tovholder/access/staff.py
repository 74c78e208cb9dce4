"""Making and changing users: roles in organisations for a time, who the login provider says they are, closing.

Each act is one transaction with its event in the audit trail, and what it takes away is gone at the next request.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import transaction
from django.utils.crypto import salted_hmac

from tovholder import database
from tovholder.access import audit_acts, generation, persons, sessions
from tovholder.access.domain import Context, Role
from tovholder.access.models import AccessToken, Assignment, Identity, User
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, not_found

_NAME = 150
# What our own jobs and derivations act as ("system:<name>"): a system user of that name would pass for one of them.
RESERVED = frozenset({
    "api", "appointments", "demo", "derive", "export", "flags", "forms", "guard", "handover", "import", "login", "monitoring",
    "open", "operator", "packages", "plan", "prune", "rebuild", "receivers", "recall", "referral", "sharing", "simulate",
    "stated", "synth", "versions", "client", "system", "test", "nobody", "anonymous",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Given:
    """A role somebody is to have in an organisation, from a day to a day (both included; None: open)."""

    role: Role
    organization: str = ""
    practitioner: str = ""
    patient: str = ""
    title: str = ""
    from_day: int = 0
    to_day: int | None = None
    rights: frozenset[str] = frozenset()

    @property
    def about(self) -> tuple[str, str, str, str, str]:
        """What makes it another role than one already held."""
        return str(self.role), self.organization, self.practitioner, self.patient, " ".join(sorted(self.rights))


@dataclass(frozen=True, slots=True)
class Listed:
    """A user and one of their roles (number 0: they have none)."""

    username: str
    name: str
    open: bool
    number: int = 0
    role: str = ""
    organization: str = ""
    title: str = ""
    rights: str = ""
    from_day: int = 0
    to_day: int | None = None
    source: str = ""


@contextmanager
def _changing(ctx: Context, what: str) -> Iterator[None]:
    with database.write_turn(), transaction.atomic():
        yield
        generation.bump()
        audit_acts.rights_changed(ctx, what)


@contextmanager
def together() -> Iterator[None]:
    """Several acts as one: what fails undoes them all."""
    with database.write_turn(), transaction.atomic():
        yield


def add(ctx: Context, username: str, name: str) -> str:
    """A new user without roles; returns the opaque id. Raises Problem (INVALID, CONFLICT)."""
    _require_name(username, "username")
    if username.strip().lower() in RESERVED:
        issue = Issue("username", "this name is kept for the system's own acts", "another name", "value")
        raise Problem(Category.INVALID, "The user cannot be made", [issue])
    _require_name(name, "name")
    made = User(id=uuid.uuid4(), username=username, display_name=name)
    made.set_unusable_password()
    with _changing(ctx, f"user/{made.pk} added"):
        if User.objects.filter(username=username).exists():
            raise Problem(Category.CONFLICT, f"There is a user {username} already", kept="that user, as it was")
        made.save(force_insert=True)
    return str(made.pk)


def link(ctx: Context, username: str, issuer: str, subject: str) -> None:
    """The login provider calls this user by this subject. Raises Problem (NOT_FOUND, CONFLICT)."""
    user = _user(username)
    with _changing(ctx, f"user/{user.pk} linked"):
        known = Identity.objects.filter(issuer=issuer, subject=subject_of(issuer, subject)).first()
        if known is not None and known.user_id != user.pk:
            raise Problem(Category.CONFLICT, "Another user has this login already", kept="that user's login")
        if known is None:
            Identity.objects.create(issuer=issuer, subject=subject_of(issuer, subject), user=user)


def assign(ctx: Context, username: str, given: Given, *, source: str = "") -> int:
    """Give a user a role; returns its number. The same role in the same organisation is changed, not given twice."""
    user = _user(username)
    if given.to_day is not None and given.to_day < given.from_day:
        raise Problem(
            Category.INVALID, "The role would end before it begins", [Issue("to", "before from", "a later day")]
        )
    with _changing(ctx, f"user/{user.pk} assigned {given.role}"):
        return _assign(user, given, source)


def end(ctx: Context, username: str, number: int) -> None:
    """End a role now. Raises Problem(NOT_FOUND)."""
    user = _user(username)
    with _changing(ctx, f"user/{user.pk} ended {number}"):
        if not Assignment.objects.filter(user=user, pk=number).update(to_day=ctx.today - 1):
            raise not_found(f"Role {number} of {username}")


def close(ctx: Context, username: str) -> None:
    """Close a user: nobody logs in as them, and every session and token of theirs has ended. Raises Problem(NOT_FOUND)."""
    user = _user(username)
    with _changing(ctx, f"user/{user.pk} closed"):
        User.objects.filter(pk=user.pk).update(is_active=False)
        log_out_everywhere(str(user.pk), ctx.now)


def reopen(ctx: Context, username: str) -> None:
    """Open a closed user again, with the roles they still have. Raises Problem(NOT_FOUND)."""
    user = _user(username)
    with _changing(ctx, f"user/{user.pk} reopened"):
        User.objects.filter(pk=user.pk).update(is_active=True)


def log_out(ctx: Context, username: str) -> None:
    """End every session and token of a user. Raises Problem(NOT_FOUND)."""
    user = _user(username)
    with _changing(ctx, f"user/{user.pk} logged out"):
        log_out_everywhere(str(user.pk), ctx.now)


def log_out_everywhere(user: str, now: datetime) -> None:
    """End every session and token of a user, by their opaque id."""
    with database.write_turn(), transaction.atomic():
        AccessToken.objects.filter(assignment__user_id=user).delete()
        sessions.end_everywhere(user, now)


def listed(*, organization: str = "") -> list[Listed]:
    """Users and their roles, by username. Citizens, who come by themselves, are not among them."""
    found = []
    for user in User.objects.filter(person="").order_by("username").prefetch_related("assignments"):
        rows = [row for row in user.assignments.all() if not organization or row.organization_id == organization]
        plain = Listed(user.username, user.display_name, user.is_active)
        if not rows and not organization:
            found.append(plain)
        found += [
            replace(
                plain,
                number=row.pk,
                role=row.role,
                organization=row.organization_id,
                title=row.title,
                rights=row.rights,
                from_day=row.from_day,
                to_day=row.to_day,
                source=row.source,
            )
            for row in sorted(rows, key=lambda row: int(row.pk))
        ]
    return found


# -- who comes from a login provider -------------------------------------------------------------------------------


def known(issuer: str, subject: str) -> str | None:
    """The user a login provider calls by this subject, unless closed."""
    row = Identity.objects.filter(issuer=issuer, subject=subject_of(issuer, subject), user__is_active=True).first()
    return str(row.user_id) if row is not None else None


def arrived_citizen(ctx: Context, issuer: str, subject: str, *, cpr: str, name: str, patient: str) -> str | None:
    """The user of a citizen who has just logged in, made when new; None for one who is closed.

    patient: their own in the record, empty when there is none (they may represent somebody). Of the CPR number a keyed
    hash alone is kept.
    """
    person = persons.person_of(cpr)
    if not person:
        return None
    user = User.objects.filter(person=person).first()
    if user is None:
        with _changing(ctx, "citizen added"):
            user = User(id=uuid.uuid4(), display_name=name[:200], person=person)
            user.username = f"citizen-{user.pk}"
            user.set_unusable_password()
            user.save(force_insert=True)
    if not user.is_active:
        return None
    given = [Given(Role.CITIZEN, patient=patient)] if patient else []
    _arrived(ctx, user, issuer, subject, name, given, ours=True)
    return str(user.pk)


def arrived_staff(
    ctx: Context, issuer: str, subject: str, *, name: str, given: Sequence[Given], provision: bool
) -> str | None:
    """The user of a member of staff who has just logged in; None for one nobody made, where claims make none.

    given: the roles the provider's claims give; those it gave before and gives no longer are ended. provision: whether
    claims make users and roles at all.
    """
    row = Identity.objects.filter(issuer=issuer, subject=subject_of(issuer, subject)).select_related("user").first()
    user = row.user if row is not None else None
    if user is None:
        if not provision or not given:
            return None
        with _changing(ctx, "user added by claims"):
            user = User(id=uuid.uuid4(), display_name=name[:200])
            user.username = f"{issuer}-{user.pk}"
            user.set_unusable_password()
            user.save(force_insert=True)
    if not user.is_active:
        return None
    _arrived(ctx, user, issuer, subject, name, given if provision else [], ours=provision)
    return str(user.pk)


def practitioner_of(issuer: str, subject: str) -> str:
    """The practitioner a user acts as already, so that claims make no second one."""
    rows = Assignment.objects.filter(user__identities__issuer=issuer).exclude(practitioner_id="")
    row = rows.filter(user__identities__subject=subject_of(issuer, subject)).order_by("id").first()
    return str(row.practitioner_id) if row is not None else ""


def is_there(username: str) -> bool:
    """Whether there is a user of this name, closed or not."""
    return User.objects.filter(username=username).exists()


def name_of(username: str) -> str:
    """What a user is called. Raises Problem(NOT_FOUND)."""
    return str(_user(username).display_name)


def practitioner_of_user(username: str) -> str:
    """The practitioner a user acts as already; empty for none."""
    row = Assignment.objects.filter(user__username=username).exclude(practitioner_id="").order_by("id").first()
    return str(row.practitioner_id) if row is not None else ""


def subject_of(issuer: str, subject: str) -> str:
    """The keyed hash of what a login provider calls somebody."""
    return salted_hmac("tovholder.access.subject", f"{issuer} {subject}", algorithm="sha256").hexdigest()


def _arrived(
    ctx: Context, user: User, issuer: str, subject: str, name: str, given: Iterable[Given], *, ours: bool
) -> None:
    """Note what the provider says, where it is news: a login that tells nothing new changes nobody's rights."""
    wanted = {one.about: one for one in given}
    rows = list(Assignment.objects.filter(user=user, source=issuer)) if ours else []
    held = {_about(row): row for row in rows if row.to_day is None or row.to_day >= ctx.today}
    new = [one for about, one in wanted.items() if about not in held]
    gone = [row.pk for about, row in held.items() if about not in wanted]
    hashed = subject_of(issuer, subject)
    row = Identity.objects.filter(issuer=issuer, subject=hashed).first()
    linked = row is not None and row.user_id == user.pk
    if linked and not new and not gone and (not name or user.display_name == name[:200]):
        return
    with _changing(ctx, f"user/{user.pk} by claims"):
        Identity.objects.update_or_create(issuer=issuer, subject=hashed, defaults={"user": user})
        Assignment.objects.filter(pk__in=gone).update(to_day=ctx.today - 1)
        for one in new:
            _assign(user, one, issuer)
        if name:
            User.objects.filter(pk=user.pk).update(display_name=name[:200])


def _about(row: Assignment) -> tuple[str, str, str, str, str]:
    rights = " ".join(sorted(row.rights.split()))
    return row.role, row.organization_id, row.practitioner_id, row.patient_id, rights


def _assign(user: User, given: Given, source: str) -> int:
    values = {
        "title": given.title[:200],
        "from_day": given.from_day,
        "to_day": given.to_day,
        "rights": " ".join(sorted(given.rights)),
    }
    row, _ = Assignment.objects.update_or_create(
        user=user,
        role=str(given.role),
        organization_id=given.organization,
        practitioner_id=given.practitioner,
        patient_id=given.patient,
        source=source,
        defaults=values,
    )
    return int(row.pk)


def _user(username: str) -> User:
    user = User.objects.filter(username=username).first()
    if user is None:
        raise not_found("That user")
    return user


def _require_name(text: str, field: str) -> None:
    issues = []
    if not text.strip() or len(text) > _NAME:
        issues = [Issue(field, "empty or too long", f"at most {_NAME} characters", "value")]
    elif persons.normal(text) is not None:
        issues = [Issue(field, "this looks like a CPR number", "a name that is none", "value")]
    if issues:
        raise Problem(Category.INVALID, "The user cannot be made", issues)


def until(day: int | None, today: int) -> str:
    """How a role's end is told."""
    return "" if day is None else ("ended" if day < today else days.date_of(day).isoformat())
