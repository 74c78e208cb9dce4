"""The policy file, checked at load, and the decision it gives; default deny."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from tovholder.access.domain import NOTHING, Condition, Context, Role, Scope, under
from tovholder.base.errors import Category, Issue, Problem

ACTIONS = frozenset({"read", "search", "create", "update", "delete", "facts", "aggregate", "export"})
_FILE = Path(__file__).with_name("policy.toml")


@dataclass(frozen=True, slots=True)
class Policy:
    """Scope per (role, action, resource type); ``*`` stands for every type."""

    rows: dict[tuple[Role, str, str], Scope]

    def scope(self, role: Role, action: str, resource_type: str) -> Scope:
        """What the role may do to resources of the type; an unknown combination is refused."""
        named = self.rows.get((role, action, resource_type), NOTHING)
        wild = self.rows.get((role, action, "*"), NOTHING)
        return under(*named.conditions, *wild.conditions)


def load(path: Path) -> Policy:
    """Read a policy file. Raises Problem(INVALID) naming the row and the valid names."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    sets: dict[str, list[str]] = data.get("sets", {})
    issues: list[Issue] = []
    rows: dict[tuple[Role, str, str], Scope] = {}
    for unknown in sorted(set(data) - {"version", "sets", "allow"}):
        issues.append(Issue(f"{path.name}: {unknown}", "unknown key", "one of: version, sets, allow"))
    for number, row in enumerate(data.get("allow", []), start=1):
        where = f"{path.name}: allow[{number}]"
        for unknown in sorted(set(row) - {"role", "resources", "actions", "when"}):
            issues.append(Issue(f"{where}.{unknown}", "unknown key", "one of: role, resources, actions, when"))
        if row.get("role") not in set(Role):
            issues.append(Issue(f"{where}.role", "unknown role", f"one of: {', '.join(Role)}"))
            continue
        for action in set(row.get("actions", [])) - ACTIONS:
            issues.append(
                Issue(f"{where}.actions", f"unknown action {action}", f"one of: {', '.join(sorted(ACTIONS))}")
            )
        for condition in set(row.get("when", [])) - set(Condition):
            issues.append(Issue(f"{where}.when", f"unknown condition {condition}", f"one of: {', '.join(Condition)}"))
        types: list[str] = []
        for name in row.get("resources", []):
            if name.startswith("@"):
                if name[1:] not in sets:
                    issues.append(
                        Issue(f"{where}.resources", f"unknown set {name}", f"one of: {', '.join(sorted(sets))}")
                    )
                types += sets.get(name[1:], [])
            else:
                types.append(name)
        if issues:
            continue
        conditions = frozenset(Condition(name) for name in row.get("when", []))
        for action in row.get("actions", []):
            for resource_type in types:
                key = (Role(row["role"]), action, resource_type)
                rows[key] = under(*rows.get(key, NOTHING).conditions, *conditions)
    if issues:
        raise Problem(Category.INVALID, f"The policy {path.name} cannot be used", issues, kept="the old policy")
    return Policy(rows)


@cache
def current() -> Policy:
    """The policy this process runs."""
    return load(_FILE)


def decide(ctx: Context, action: str, resource_type: str) -> Scope:
    """What the context may do to resources of the type."""
    return _decided(ctx.role, action, resource_type)


@lru_cache(maxsize=4096)
def _decided(role: Role, action: str, resource_type: str) -> Scope:
    return current().scope(role, action, resource_type)
