"""Puts a licensed questionnaire's own words in place of the neutral ones a package ships, where the installation has them.

The words stand in a folder of the installation's, one file per form, ``<form>.toml``::

    form = "lrs-start-back"
    version = "1"                    # of the form it was written for
    licence = "who allowed it, and when"
    [items.start-1]
    da = "…"
    en = "…"

Every text is of one question; a question without one keeps its neutral words. Answers, codes and scoring never change.
"""

from __future__ import annotations

import copy
import tomllib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tovholder.base.errors import Category, Issue, Problem
from tovholder.packages.common import Code, Frozen, Text, Words
from tovholder.packages.explain import issues_of
from tovholder.packages.locate import locate
from tovholder.packages.model import Form
from tovholder.packages.questionnaires import TRANSLATION, items, link_ids


class LicensedWords(Frozen):
    """One file of licensed words."""

    form: Code
    version: Words
    licence: Words
    items: dict[str, Text]


def read(path: Path) -> LicensedWords:
    """Read one file. Raises Problem(INVALID) with file and line of every fault."""
    try:
        text = path.read_text(encoding="utf-8")
        data = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _refused(path, [Issue(path.name, f"this is not TOML: {error}", "TOML 1.0 in UTF-8")]) from None
    places = locate(text)
    try:
        return LicensedWords.model_validate(data)
    except ValidationError as error:
        found = issues_of(error, LicensedWords, lambda place: f"{path.name}:{places.line(place)}")
        raise _refused(path, found) from None


def worded(form: Form, folder: Path | None) -> Form:
    """The form in its licensed words, where it has such words and the folder holds them; else the form as it is.

    Raises Problem(INVALID) when the file was written for another form or version, or names questions that are not there.
    """
    path = folder / f"{form.id}.toml" if folder is not None else None
    if form.scoring.licensed is None or path is None or not path.is_file():
        return form
    held = read(path)
    issues = []
    if (held.form, held.version) != (form.id, form.version):
        expected = f'form = "{form.id}", version = "{form.version}"'
        issues.append(Issue(path.name, "the words were written for another form or version", expected))
    for unknown in sorted(set(held.items) - link_ids(form.questionnaire)):
        issues.append(Issue(path.name, f'{form.id} has no question "{unknown}"', "a question of the form"))
    if issues:
        raise _refused(path, issues)
    sheet = copy.deepcopy(dict(form.questionnaire))
    for item in items(sheet):
        words = held.items.get(str(item.get("linkId")))
        if words is not None:
            _put(item, words)
    sheet["copyright"] = form.scoring.licensed.notice
    return Form(form.id, sheet, form.scoring)


def _put(item: Any, words: Text) -> None:
    item["text"] = words.da
    item["_text"] = {
        "extension": [
            {
                "url": TRANSLATION,
                "extension": [{"url": "lang", "valueCode": "en"}, {"url": "content", "valueString": words.en}],
            }
        ]
    }


def _refused(path: Path, issues: list[Issue]) -> Problem:
    return Problem(
        Category.INVALID, f"The licensed words in {path.name} cannot be used", issues, kept="the form's neutral words"
    )
