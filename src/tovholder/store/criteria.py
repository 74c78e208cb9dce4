"""Criteria of a decision (a policy's, or an app's scopes) as SQL over a resource's row; read once, the same for everybody.

Criteria are plain searches: what they mean hangs on the resource alone, not on who asks, when, or what else is stored.
"""

from __future__ import annotations

from functools import lru_cache

from tovholder.access.policy import Policy
from tovholder.base.errors import Category, Issue, Problem
from tovholder.store import params
from tovholder.store.params.asked import Asked
from tovholder.store.params.terms import Sql, all_of
from tovholder.store.search.query import parse, parse_query
from tovholder.store.search.steps import Leaf

# Ids that stand in the statement for those who ask; no id of the record's looks like these.
ORGANIZATION = "-.{organization}.-".replace("{", "").replace("}", "")
PRACTITIONER = "-.{practitioner}.-".replace("{", "").replace("}", "")
# A value set's codes may change, and are read in somebody's name.
_ELSEWHERE = frozenset({"in", "not-in", "above", "below"})


@lru_cache(maxsize=4096)
def condition(kind: str, criteria: str, row: str) -> Sql:
    """True for the rows (by this name) of a type that meet the criteria. Raises Problem(INVALID) when nothing can."""
    text = criteria.replace("{organization}", ORGANIZATION).replace("{practitioner}", PRACTITIONER)
    asked = parse(kind, parse_query(text))
    told = {name.partition(":")[0] for name, _ in asked.used}
    if not asked.steps or len(asked.used) > len(asked.steps):
        raise _refused("criteria say which resources, and nothing of how they are given", sorted(told))
    found: list[Sql] = []
    for step, values in asked.steps:
        if not isinstance(step, Leaf) or step.modifier in _ELSEWHERE:
            raise _refused("criteria are about the resource itself", ["a parameter of the type's own"])
        if step.parameter.kind == "date" and any(value.startswith("ap") for value in values):
            raise _refused("about what time depends on when one asks", ["eq, ne, gt, lt, ge, le, sa, eb"])
        found.append(params.term(Asked(kind, step.parameter, step.modifier, values)).check(row))
    return all_of(found)


def check(kind: str, criteria: str) -> None:
    """Raise Problem(INVALID) for criteria that a decision cannot rest on."""
    condition(kind, criteria, "r")


def check_all(policy: Policy) -> None:
    """Raise Problem(INVALID) for the first row of a policy whose criteria nothing can meet."""
    for row in policy.rows:
        for kind in sorted(row.types) if row.criteria else ():
            try:
                check(kind, row.criteria)
            except Problem as problem:
                where = f"{policy.name}: allow[{row.number}].matching"
                issues = [Issue(where, issue.message, issue.expected, issue.code) for issue in problem.issues]
                message = f"The access policy {policy.name} cannot be used"
                raise Problem(Category.INVALID, message, issues, kept="nobody was let in by it") from None


def _refused(message: str, expected: list[str]) -> Problem:
    issue = Issue("criteria", message, ", ".join(expected) or "a search parameter", "value")
    return Problem(Category.INVALID, "These criteria cannot be used", [issue], kept="nothing was read")
