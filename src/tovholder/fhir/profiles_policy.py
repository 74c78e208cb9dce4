"""Which profiles a write is held to, and what happens when it does not keep to them: data in ``profiles_policy.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Any

from tovholder.base.errors import Category, Issue, Problem, Severity
from tovholder.fhir import definitions, profiles
from tovholder.fhir.profiles import Profile

_VERSION = 1
_TABLES = ("packages", "types", "profiles", "required")


class Answer(StrEnum):
    """What a write does about a profile."""

    OFF = "off"
    WARN = "warn"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Policy:
    """The answers, most telling first: by profile, by type, by package, by default. required: profiles by type."""

    default: Answer = Answer.WARN
    packages: Mapping[str, Answer] = field(default_factory=dict)
    types: Mapping[str, Answer] = field(default_factory=dict)
    profiles: Mapping[str, Answer] = field(default_factory=dict)
    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def answer(self, profile: Profile, kind: str) -> Answer:
        """What a write of a type does about a profile."""
        for table, name in ((self.profiles, profile.url), (self.types, kind), (self.packages, profile.package)):
            if name in table:
                return table[name]
        return self.default

    def check(self, resource: Mapping[str, Any]) -> tuple[Issue, ...]:
        """What the profiles a sound resource is held to find: errors where they refuse, warnings where they warn.

        Costs nothing for a resource that claims no profile and is held to none.
        """
        meta = resource.get("meta")
        kind = resource["resourceType"]
        if not (meta and "profile" in meta) and kind not in self.required:
            return ()
        found: list[Issue] = []
        for url in dict.fromkeys((*profiles.claims(dict(resource)), *self.required.get(kind, ()))):
            profile = profiles.find(url)
            answer = self.answer(profile, kind) if profile is not None else Answer.OFF
            if answer is Answer.OFF:
                continue
            for issue in profiles.validate(dict(resource), url):
                if issue.severity is Severity.ERROR and answer is Answer.WARN:
                    found.append(replace(issue, severity=Severity.WARNING))
                elif issue.severity is not Severity.INFORMATION:
                    found.append(issue)
        return tuple(found)


def load(text: str, name: str) -> Policy:
    """A policy from TOML. Raises Problem(INVALID) naming the file and the line's key."""
    try:
        told = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _wrong(name, str(error), "TOML") from None
    if told.get("version") != _VERSION:
        raise _wrong(name, "version is missing or another", f"version = {_VERSION}")
    unknown = told.keys() - {"version", "default", *_TABLES}
    if unknown:
        raise _wrong(name, f"unknown: {', '.join(sorted(unknown))}", ", ".join(("version", "default", *_TABLES)))
    tables = {table: told.get(table, {}) for table in _TABLES}
    if not all(isinstance(table, dict) for table in tables.values()):
        raise _wrong(name, "not a table", "[packages], [types], [profiles] and [required]")
    for kind in (*tables["types"], *tables["required"]):
        if kind not in definitions.resource_types():
            raise _wrong(name, f"{kind} is not a resource type of R4", "Patient, CarePlan …")
    known = profiles.canonicals()
    named = [*tables["profiles"], *(url for urls in tables["required"].values() for url in urls)]
    for url in named:
        if url not in known:
            raise _wrong(name, f"{url} is not at hand", "the url of a profile in docs/reference/operations.md")
    return Policy(
        _answer(told.get("default", Answer.WARN), name),
        {key: _answer(value, name) for key, value in tables["packages"].items()},
        {key: _answer(value, name) for key, value in tables["types"].items()},
        {key: _answer(value, name) for key, value in tables["profiles"].items()},
        {key: tuple(value) for key, value in tables["required"].items()},
    )


def _answer(value: object, name: str) -> Answer:
    try:
        return Answer(str(value))
    except ValueError:
        raise _wrong(name, f"{value!r} is no answer", ", ".join(Answer)) from None


def _wrong(name: str, message: str, expected: str) -> Problem:
    return Problem(Category.INVALID, f"The profile policy {name} cannot be used", [Issue(name, message, expected)])


_policy: Policy | None = None


def current() -> Policy:
    """The policy in force: that which came with the program, until another is used."""
    global _policy
    if _policy is None:
        file = files("tovholder.fhir").joinpath("profiles_policy.toml")
        _policy = load(file.read_text(encoding="utf-8"), "profiles_policy.toml")
    return _policy


def use(policy: Policy | None) -> None:
    """Put a policy in force for this process; None for the one that came with the program."""
    global _policy
    _policy = policy


def read(path: Path) -> Policy:
    """The policy in a file. Raises Problem(INVALID) when it cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise _wrong(path.name, "the file cannot be read", "a TOML file in UTF-8") from None
    return load(text, path.name)


def check(resource: Mapping[str, Any]) -> tuple[Issue, ...]:
    """``Policy.check`` of the policy in force."""
    return current().check(resource)
