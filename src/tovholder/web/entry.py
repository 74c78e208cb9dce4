"""Owns what a verified login means here: which user it is, made or renewed by what the login provider says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.utils import translation

from tovholder.access import persons, staff
from tovholder.access.domain import Context, Role
from tovholder.access.issuers import Issuer, Kind
from tovholder.access.oidc import Refused, Verified
from tovholder.store import registry
from tovholder.web.hats_view import ROLES

# Those who appear in the record by what they do have a name there.
IN_THE_RECORD = frozenset({Role.GP, Role.STAFF, Role.HOSPITAL, Role.PREVENTION, Role.PARTNER})


def arrive(ctx: Context, issuer: Issuer, came: Verified) -> str:
    """The id of the user who came. ctx: the server's own, at this moment. Raises Refused."""
    if issuer.kind is Kind.CITIZEN:
        found = _citizen(ctx, issuer, came)
    else:
        found = _staff(ctx, issuer, came)
    if found is None:
        raise Refused("no such user")
    return found


def _citizen(ctx: Context, issuer: Issuer, came: Verified) -> str | None:
    cpr = issuer.claim(came.claims, "cpr")
    if not isinstance(cpr, str) or persons.normal(cpr) is None:
        raise Refused("no CPR number")
    patients = registry.patients_of(cpr)
    if len(patients) > 1:
        raise Refused("several patients")
    patient = patients[0] if patients else ""
    return staff.arrived_citizen(ctx, issuer.id, came.subject, cpr=cpr, name=_name(issuer, came), patient=patient)


def _staff(ctx: Context, issuer: Issuer, came: Verified) -> str | None:
    subject = issuer.claim(came.claims, "subject")
    if not isinstance(subject, str) or not subject:
        raise Refused("no subject")
    name = _name(issuer, came)
    given = list(_given(ctx, issuer, came.claims, subject, name)) if issuer.provision else []
    return staff.arrived_staff(ctx, issuer.id, subject, name=name, given=given, provision=issuer.provision)


def _name(issuer: Issuer, came: Verified) -> str:
    name = issuer.claim(came.claims, "name")
    return name.strip() if isinstance(name, str) and persons.normal(name) is None else ""


def _given(ctx: Context, issuer: Issuer, claims: Mapping[str, Any], subject: str, name: str) -> Iterator[staff.Given]:
    """The roles the claims give: those whose word and organisation are known here; the others give nothing."""
    practitioner = None
    for word, organization in _pairs(issuer, claims):
        role = issuer.roles.get(word)
        found = registry.organizations_of(issuer.organization_kind, organization) if organization else []
        if role is None or len(found) > 1 or (not found and role in IN_THE_RECORD):
            continue
        if practitioner is None and role in IN_THE_RECORD:
            practitioner = _practitioner(ctx, issuer, claims, subject, name)
        place = found[0] if found else ""
        yield staff.Given(
            role,
            organization=place,
            practitioner=practitioner or "" if role in IN_THE_RECORD else "",
            title=title_of(role, place),
        )


def _pairs(issuer: Issuer, claims: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Role and organisation as the claims tell them: in pairs, or several roles in one organisation."""
    listed = issuer.claim(claims, "assignments") if "assignments" in issuer.claims else None
    if isinstance(listed, list):
        for one in listed:
            if isinstance(one, Mapping):
                for word in _texts(issuer.claim(one, "role")):
                    yield word, next(iter(_texts(issuer.claim(one, "organization"))), "")
        return
    places = _texts(issuer.claim(claims, "organization"))
    if len(places) > 1:
        raise Refused("several organisations")  # which role is held where is not told
    for word in _texts(issuer.claim(claims, "role")):
        yield word, next(iter(places), "")


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str) and one]


def _practitioner(ctx: Context, issuer: Issuer, claims: Mapping[str, Any], subject: str, name: str) -> str:
    known = staff.practitioner_of(issuer.id, subject)
    if known:
        return known
    told = issuer.claim(claims, "practitioner") if "practitioner" in issuer.claims else None
    found = registry.practitioners_of(told) if isinstance(told, str) and told else []
    return found[0] if len(found) == 1 else registry.new_practitioner(name, ctx.now)


def title_of(role: Role, organization: str) -> str:
    """What an assignment is called on the pages, in Danish as every title is."""
    with translation.override("da"):
        word = str(ROLES[role])
    name = registry.name_of("Organization", organization) if organization else ""
    return f"{word}, {name}" if name else word
