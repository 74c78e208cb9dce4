"""The access policy as a page: who may do what, under which relation, shown how much; made from the rows that decide."""

from __future__ import annotations

from collections.abc import Iterable

from tovholder.access.domain import Condition, Role
from tovholder.access.policy import ACTIONS, Policy, Row

LETTERS = {
    "read": "R",
    "search": "S",
    "create": "C",
    "update": "U",
    "delete": "D",
    "facts": "F",
    "pseudonyms": "P",
    "aggregate": "A",
    "export": "E",
}
MEANING = {
    Condition.ANY: "always",
    Condition.DIRECTORY: "the resource is about no patient",
    Condition.SELF: "it is about the citizen who acts",
    Condition.REPRESENTED: "it is about the patient they stand for",
    Condition.OWN_LIST: "the patient is on the clinic's list (`Patient.generalPractitioner`)",
    Condition.CARE_TEAM: "the organisation holds the course or is in the care team",
    Condition.REFERRAL: "a referral was sent to the organisation, and is not over for longer than its aftercare",
    Condition.APPOINTMENT: "the organisation has an appointment with the patient, or had one lately",
    Condition.CONTACT: "the hospital has, or lately had, a contact with the patient (`Encounter`)",
    Condition.OWN_ACT: "the patient opened their record to the organisation themselves (`Consent`)",
    Condition.STATED: "the professional said so; evidence is looked for afterwards, and the patient told if there is none",
    Condition.BREAK_GLASS: "the person has opened an emergency on the patient, with a reason and for a short time",
}


def page(policy: Policy, note: str) -> str:
    """The whole page."""
    lines = ["# Access policy", "", note, *_INTRODUCTION, "", "## Conditions", "", "| When | Means |", "| --- | --- |"]
    lines += [f"| {condition} | {MEANING[condition]} |" for condition in Condition]
    lines += ["", "## Who may do what", "", _legend(), "", *_matrix(policy), ""]
    for role in Role:
        lines += _of_role(policy, role)
    lines += ["## What is shown in part", "", "| Role | Type | Elements |", "| --- | --- | --- |"]
    for (role, kind), view in sorted(policy.views.items()):
        lines.append(f"| {role} | {kind} | {', '.join(f'`{path}`' for path in sorted(view))} |")
    lines += ["", "## Types that systems alone reach", "", f"{', '.join(sorted(policy.closed))}.", ""]
    return "\n".join(lines)


_INTRODUCTION = (
    "What `src/tovholder/access/policy.toml` says, row by row; `TOVHOLDER_POLICY` names another file, and"
    " `tovholder access check FILE` checks one. What no row allows is refused, and answers like what is not there.",
    "",
    "A row lets a role act on a resource when one of its conditions holds between the organisation acted for (or one it"
    " is part of) and the patient. Besides, a patient's blocks keep things back from professionals (`docs/security.md`),"
    " and an app is never given more than its user has. `tovholder access explain --as NAME --patient ID` tells what"
    " comes of it for one person and one patient.",
)


def _legend() -> str:
    told = ", ".join(f"**{letter}** {action}" for action, letter in LETTERS.items())
    return (
        f"{told}. read covers vread and a resource's own history, search the history of a type, update a patch. ° part."
    )


def _matrix(policy: Policy) -> list[str]:
    roles = [role for role in Role if role is not Role.SYSTEM]
    kinds = sorted({kind for row in policy.rows if row.role in roles for kind in row.types})
    lines = [f"| Type | {' | '.join(roles)} |", f"| --- |{' --- |' * len(roles)}"]
    for kind in kinds:
        cells = [_cell(policy, role, kind) for role in roles]
        lines.append(f"| {kind} | {' | '.join(cells)} |")
    return lines


def _cell(policy: Policy, role: Role, kind: str) -> str:
    told = ""
    for action in ACTIONS:
        rows = [row for row in policy.rows if row.allows(role, action, kind)]
        if rows:
            part = bool(rows[0].view) or all(row.criteria or row.right for row in rows)
            told += LETTERS[action] + ("°" if part else "")
    return told


def _of_role(policy: Policy, role: Role) -> list[str]:
    lines = [f"## {role}", "", "| Row | Types | May | When | Only | Shown |", "| --- | --- | --- | --- | --- | --- |"]
    lines += [_row(row) for row in policy.rows if row.role is role]
    return [*lines, ""]


def _row(row: Row) -> str:
    types = "every type" if "*" in row.types else ", ".join(sorted(row.types))
    only = [f"with the right `{row.right}`"] if row.right else []
    only += [f"where `{_plain(row.criteria)}`"] if row.criteria else []
    may = _told(row.actions, ACTIONS)
    when = _told(row.conditions, Condition)
    return f"| {row.number} | {types} | {may} | {when} | {', '.join(only)} | {row.view or 'all'} |"


def _plain(text: str) -> str:
    return text.replace("|", "\\|")


def _told(those: Iterable[str], order: Iterable[str]) -> str:
    held = set(those)
    return ", ".join(one for one in order if one in held)
