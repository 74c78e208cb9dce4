"""What the access policy decides: for a context, an action and a resource type a scope; default deny."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

from tovholder.access.domain import NOTHING, Condition, Context, Grant, Grants, Right, Role, Scope

# facts: rows of the flat tables; pseudonyms: the same under pseudonyms; aggregate: published figures.
ACTIONS = ("read", "search", "create", "update", "delete", "facts", "pseudonyms", "aggregate", "export")
WRITES = frozenset({"create", "update", "delete"})
FILE = Path(__file__).with_name("policy.toml")
# What an app needs to have been given (SMART v2 scopes) for what is no interaction of FHIR's; None: never an app's.
_ASKED_OF_APPS: dict[str, tuple[str, ...] | None] = {
    "facts": ("read", "search"),
    "export": ("read", "search"),
    "aggregate": ("search",),
    "pseudonyms": None,
}


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the policy: the role may do the actions to resources of the types, under any of the conditions.

    number: its place in the file, from one. types: ``*`` is every type. criteria: a search the resource must meet.
    right: the row holds for those alone who have it. view: the name of the elements shown.
    """

    number: int
    role: Role
    types: frozenset[str]
    actions: frozenset[str]
    conditions: frozenset[Condition]
    criteria: str = ""
    right: Right | None = None
    view: str = ""

    def allows(self, role: Role, action: str, resource_type: str) -> bool:
        """Whether the row speaks of this."""
        return role is self.role and action in self.actions and not self.types.isdisjoint((resource_type, "*"))


@dataclass(frozen=True, slots=True)
class Policy:
    """The rows of a policy, and the elements of a type a role is shown where that is not all of them.

    closed: the types nobody but a system may reach, which the file lists so that none is forgotten. name: the file's.
    """

    rows: tuple[Row, ...]
    views: dict[tuple[Role, str], frozenset[str]] = field(default_factory=dict)
    closed: frozenset[str] = frozenset()
    name: str = FILE.name

    def rows_for(self, role: Role, action: str, resource_type: str, rights: frozenset[str]) -> list[Row]:
        """The rows that let a role, with these rights, do this."""
        return [
            row
            for row in self.rows
            if row.allows(role, action, resource_type) and (row.right is None or row.right in rights)
        ]

    def scope(self, role: Role, action: str, resource_type: str, rights: frozenset[str] = frozenset()) -> Scope:
        """What the role may do to resources of the type; an unknown combination is refused."""
        by_criteria: dict[str, set[Condition]] = {}
        for row in self.rows_for(role, action, resource_type, rights):
            by_criteria.setdefault(row.criteria, set()).update(row.conditions)
        grants = [Grant(frozenset(conditions), criteria) for criteria, conditions in sorted(by_criteria.items())]
        return Scope(tuple(grants), view=self.views.get((role, resource_type))) if grants else NOTHING


_used: list[Policy] = []


def current() -> Policy:
    """The policy this process runs."""
    return _used[0] if _used else _own()


@cache
def _own() -> Policy:
    return load(FILE)


def load(path: Path) -> Policy:
    """Read and check a policy file. Raises Problem(INVALID) that names each row and what was expected there."""
    from tovholder.access import policy_file

    return policy_file.load(path)


def use(policy: Policy | None) -> None:
    """Run this policy from now on; None: the one that comes with Tovholder."""
    _used[:] = [policy] if policy is not None else []
    _decided.cache_clear()


def decide(ctx: Context, action: str, resource_type: str) -> Scope:
    """What the context may do to resources of the type: what the policy gives the role, narrowed to what the app that
    acts for the user was given.
    """
    allowed = _decided(ctx.role, ctx.rights, action, resource_type)
    return allowed if ctx.grants is None else _narrowed(allowed, ctx.grants, action, resource_type)


@lru_cache(maxsize=8192)
def _decided(role: Role, rights: frozenset[str], action: str, resource_type: str) -> Scope:
    return current().scope(role, action, resource_type, rights)


@lru_cache(maxsize=8192)
def _narrowed(allowed: Scope, grants: Grants, action: str, resource_type: str) -> Scope:
    if allowed.nothing:
        return NOTHING
    within: list[tuple[str, ...]] = []
    asked = _ASKED_OF_APPS.get(action, (action,))
    if asked is None:
        return NOTHING
    for needed in asked:
        searches = grants.searches(needed, resource_type)
        if searches is None:
            return NOTHING
        if searches and searches not in within:
            within.append(searches)
    return replace(allowed, within=tuple(within), patient=grants.patient)
