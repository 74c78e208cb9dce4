"""What an activity is to any package: the ids that let it be done once for all of a patient's packages."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from tovholder.base.errors import Category, Issue, Problem
from tovholder.packages.common import Code, Frozen, Text
from tovholder.packages.explain import issues_of

FILE = Path(__file__).parent / "builtin" / "shared.toml"


class Shared(Frozen):
    """One thing several packages may ask for. ``counts``: visit (the patient comes), test (measured), offer (a course).

    ``within``: others that do this too when they happen, as an annual status is also a check-up.
    """

    id: Code
    counts: Literal["visit", "test", "offer"]
    title: Text
    meaning: Text
    within: tuple[Code, ...] = ()


class SharedList(Frozen):
    """builtin/shared.toml."""

    shared: tuple[Shared, ...]


def load(file: Path = FILE) -> dict[str, Shared]:
    """The list by id. Raises Problem(INVALID) when it is not whole."""
    try:
        found = SharedList.model_validate(tomllib.loads(file.read_text(encoding="utf-8"))).shared
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        issue = Issue(file.name, f"it cannot be read: {error}", "TOML 1.0 in UTF-8")
        raise Problem(Category.INVALID, f"{file.name} cannot be used", [issue]) from None
    except ValidationError as error:
        issues = issues_of(error, SharedList, lambda _path: file.name)
        raise Problem(Category.INVALID, f"{file.name} cannot be used", issues) from None
    by_id = {held.id: held for held in found}
    nothing = sorted({name for held in found for name in held.within} - by_id.keys())
    if nothing:
        issue = Issue(file.name, f"nothing shared is called {', '.join(nothing)}", f"one of: {', '.join(by_id)}")
        raise Problem(Category.INVALID, f"{file.name} cannot be used", [issue])
    return by_id


@cache
def known() -> dict[str, Shared]:
    """What packages may share, by id; nothing when the list is not whole, and then ``fault`` says why."""
    try:
        return load(FILE)
    except Problem:
        return {}


def fault() -> tuple[Issue, ...]:
    """What is wrong with the list; packages that need it are told of it."""
    if known():
        return ()
    try:
        load(FILE)
    except Problem as problem:
        return tuple(problem.issues)
    return ()
