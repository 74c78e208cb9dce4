"""What a person's write may not reach: another patient's record, relations not theirs to give, what others hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tovholder.access import Context, Role
from tovholder.access.domain import Condition, Scope
from tovholder.access.relations import RelationRow
from tovholder.access.representation import Kind, RelativeRow
from tovholder.base.errors import Category, Issue, Problem, forbidden
from tovholder.fhir import search_tables
from tovholder.fhir.references import Ref, parse_reference, patient_of, patients_of, references
from tovholder.store import projection, relations

Resource = dict[str, Any]
LAST = 10**9  # a day after every other
_CLINIC = frozenset({Role.GP, Role.STAFF})
# Whose words a goal is, and who may change them, is told by its own guard.
_SHARED = frozenset({"Goal"})


def not_for_this_role(ctx: Context, kind: str) -> Problem:
    """What is told of a type the role, or the app that acts for it, writes nothing of."""
    message = f"the role {ctx.role} may not write {kind}"
    issue = Issue(kind, message, "another role", "forbidden")
    return Problem(Category.FORBIDDEN, message[0].upper() + message[1:], [issue])


def not_yours_to_say(kind: str, allowed: Scope) -> Problem:
    """What is told of a resource about a patient of theirs that says what they may not write."""
    told = [grant.criteria or "anything" for grant in allowed.grants]
    told += [" or ".join(searches) for searches in allowed.within]
    return forbidden(kind, f"what this {kind} says is not yours to write", ", and ".join(told))


def require_own(ctx: Context, old: Resource) -> None:
    """Those who take part beside the clinic change what names them or their organisation, and nothing else."""
    kind = str(old.get("resourceType"))
    if ctx.role in _CLINIC or ctx.role in (Role.SYSTEM, Role.CITIZEN) or kind in _SHARED:
        return
    own = {ctx.actor, f"Organization/{ctx.organization}"}
    for _, text in references(old):
        ref = parse_reference(text)
        if ref is not None and not ref.base and f"{ref.type}/{ref.id}" in own:
            return
    raise forbidden(kind, f"this {kind} was made by somebody else", "one that names you or your organisation")


def require_may_grant(
    ctx: Context, old: Resource | None, new: Resource, holds: Callable[[Condition, str], bool]
) -> None:
    """Relations let organisations see a patient; nobody gives one that is not theirs to give, least to themselves.

    holds: whether the actor's organisation now has this relation to the patient.
    """
    before = relations.relations_of(old) if old is not None else []
    after = relations.relations_of(new)
    kind = str(new.get("resourceType"))
    for row in after:
        if any(_covers(was, row) for was in before):
            continue
        own = row.organization_id == ctx.organization
        if kind == "Patient":
            # The national registry moves people between lists; a clinic only registers its own.
            allowed = ctx.role in _CLINIC and old is None and own
        elif kind == "EpisodeOfCare":
            # One clinic holds the rope: the one whose list the patient is on, or the holder who hands it over.
            handing = any(
                was.organization_id == ctx.organization and was.patient_id == row.patient_id for was in before
            )
            allowed = ctx.role in _CLINIC and (handing or holds(Condition.OWN_LIST, row.patient_id))
        elif row.kind in ("appointment", "contact"):
            allowed = ctx.role in _CLINIC or own
        elif row.kind == "own-act":
            allowed = ctx.role is Role.CITIZEN and ctx.patient == row.patient_id
        else:
            allowed = ctx.role in _CLINIC
        if not allowed:
            raise forbidden(
                kind,
                f"this {kind} would let an organisation see the patient, or for longer, which is not yours to give",
                "the organisations and their time as they were",
            )
    listed = {row.organization_id for row in after} | {str(ctx.organization)}
    if kind == "Patient" and any(was.organization_id not in listed for was in before):
        raise forbidden(kind, "nobody takes a patient off another clinic's list", "the list as it was")


def require_no_new_representative(old: Resource | None, new: Resource) -> None:
    """Who has custody or is a guardian comes from the national registry, and whom the patient let act stays who it was:
    else whoever may write down a relative could make somebody act for the patient. Custody that was told of stays told:
    without it a child's parents would act who do not have it.
    """
    if new.get("resourceType") != "RelatedPerson":
        return
    before, after = (projection.relatives(one) if one is not None else [] for one in (old, new))
    if any(was.kind is Kind.CUSTODY for was in before) and not any(_same_relative(before[0], row) for row in after):
        raise forbidden(
            "RelatedPerson", "custody is not yours to take away", "the relative and the custody as they were"
        )
    for row in after:
        was = next((one for one in before if _same_relative(one, row)), None)
        longer = was is None or row.from_day < was.from_day or (row.to_day or LAST) > (was.to_day or LAST)
        if longer and (old is not None or row.kind is not Kind.RELATIVE):
            raise forbidden(
                "RelatedPerson.relationship" if old is None else "RelatedPerson",
                "this would let somebody act for the patient, which is not yours to give",
                "a relative who is neither parent nor guardian; number and time as they were",
            )


def _same_relative(was: RelativeRow, row: RelativeRow) -> bool:
    return (was.patient_id, was.person, was.kind) == (row.patient_id, row.person, row.kind)


def _covers(was: RelationRow, row: RelationRow) -> bool:
    """Whether a relation gives all that another does: the same sight of the same patient, a referral's for as long.

    An appointment's time may be moved by whoever may write it.
    """
    same = (was.patient_id, was.organization_id, was.kind) == (row.patient_id, row.organization_id, row.kind)
    if not same or row.kind != "referral":
        return same
    return was.from_day <= row.from_day and (
        was.to_day is None or (row.to_day is not None and row.to_day <= was.to_day)
    )


def new_references(old: Resource | None, new: Resource) -> list[tuple[str, Ref]]:
    """References into patients' records that the write adds, with their paths."""
    known = {text for _, text in references(old)} if old is not None else set()
    bound = search_tables.patient_compartment()
    found: list[tuple[str, Ref]] = []
    for path, text in references(new):
        ref = parse_reference(text)
        if text not in known and ref is not None and not ref.base and (ref.type == "Patient" or ref.type in bound):
            found.append((path, ref))
    return found


def require_same_patient(
    path: str,
    ref: Ref,
    new: Resource,
    target: Resource | None,
    sees: Callable[[str | None], bool],
    reads: Callable[[str | None], bool],
) -> None:
    """A reference stays within the patient's record. Another's and one that is not there are told alike.

    sees: whether the actor may read a patient; reads: whether they may read what is referred to, about this patient or
    about nobody.
    """
    if ref.type == "Patient":
        good = ref.id == patient_of(new) or sees(ref.id)
    elif target is None:
        good = False
    else:
        about = patients_of(target)
        good = bool(about & patients_of(new)) if about else reads(None)
    if not good:
        raise Problem(
            Category.RULE,
            "A reference leads out of the patient's record",
            [Issue(path, f"no such {ref.type} in this patient's record", "one about the same patient", "not-found")],
        )
