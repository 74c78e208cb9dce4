"""The page about the package format, written from the models that read it: every file, every key, what it means."""

from __future__ import annotations

import inspect
import re
import types
from enum import EnumType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel

from tovholder.packages import builtin, shared
from tovholder.packages.licensed import LicensedWords
from tovholder.packages.loader import _FOLDERS, _SINGLE
from tovholder.packages.model import Example, Indicator, Rule, Scoring

FILES: dict[str, type[BaseModel]] = {
    **_SINGLE,
    "forms/*.toml": Scoring,
    "rules/*.toml": Rule,
    "indicators/*.toml": Indicator,
    "examples/*.json": Example,
}
ABOUT = {
    "package.toml": "what the package is called, its sources, rights, levels, parameters and kinds of appointment.",
    "level.toml": "what is asked of the record, and what raises or blocks the proposed level.",
    "plan.toml": "goals to talk about (with targets), activities with their timing, and when a course could end.",
    "cockpit.toml": "the clinic's list: columns, filters, order.",
    "referrals.toml": "kinds of referral, and what each receiver needs.",
    "content.toml": "what patients, relatives and clinicians may read or use.",
}
INTRODUCTION = """A package is a folder of data: one disease, readable by a clinician, with its own test cases. An unknown
key is refused with its file, its line and the keys that are valid. `tovholder package check FOLDER` reads it, checks
that its parts agree, and runs every example on SQLite and DuckDB, with every source of plans the package can have.

Every entry names a `source` of package.toml, whose `kind` says how far to trust it: law, guideline, roadmap, practice
(seen in use) or default (a proposal of ours). A condition answers true, false or unknown; what nobody knows is never
taken as normal, and 0 is an answer.

`forms/*.json` are FHIR R4 Questionnaires in Danish, with English by the translation extension; a question marked with
`sdc-questionnaire-observationExtract` is kept as a measurement with the question's own code, and so is a score with a
`code`.
"""
LICENSED = """## Licensed words (outside the package)

A questionnaire whose questions belong to somebody says so by `[licensed]` in its scoring file and ships neutral words
("Spørgsmål 1"). An installation that has permission puts the words in a folder, one file `<form>.toml` per form, and
names the folder in `TOVHOLDER_LICENSED_TEXTS`. Only the questions' words change; answers, codes and scores never do, and
the holder's notice is shown with them. A file for another form or version, or with a question that is not there, is
refused at the start.
"""
SOURCES = """## Where plans come from

`source` says it: `tovholder` (made here) or `lps` (made in the GP system, which tells it). A package that can be run both
ways lists them in `source_choices`; an installation chooses with `TOVHOLDER_PLAN_SOURCES`, and rules and indicators may
ask it as `:plan_source`. With `lps` no plan is made or confirmed on our pages; the steps of a plan are the
ServiceRequests the GP system pushed. Levels, flags, figures, MinPlan and the cockpit read the record and are the same.
"""


SHARED = """## What packages share

`shared` of an activity says what it is to any package; an id that is not here is refused. When the windows of several
packages' activities with the same id meet, they are done once, and what is to be measured (`tests`) is measured
together. No step leaves its package's window. Targets of goals are compared by measurement code: where two packages
want different limits of the same measurement, both are shown with where they come from, and a person decides.
"""


def text(note: str) -> str:
    """The page."""
    lines = ["# The package format", "", note, INTRODUCTION, _packages(), "", "## Files", ""]
    lines += [f"- [`{name}`](#{_anchor(model)}): {ABOUT.get(name) or _first(model)}" for name, model in FILES.items()]
    lines += ["- `forms/*.json`: the Questionnaires.", "", SOURCES, SHARED + _shared(), LICENSED]
    seen: dict[type[BaseModel], None] = {}
    for model in FILES.values():
        _gather(model, seen)
    _gather(LicensedWords, seen)
    places = {model: name for name, model in FILES.items()} | {LicensedWords: "the installation's <form>.toml"}
    for model in seen:
        lines += _model(model, places.get(model, ""))
    assert set(_FOLDERS) == {name.partition("/")[0] for name in FILES if "/" in name}
    return "\n".join(lines).rstrip() + "\n"


def _shared() -> str:
    rows = [
        f"| `{held.id}` | {held.title.en} | {held.counts} | {held.meaning.en} |" for held in shared.known().values()
    ]
    return "\n".join(["", "| Id | Called | Counts as | What it is |", "| --- | --- | --- | --- |", *rows, ""])


def _packages() -> str:
    shown = ", ".join(f"`{held.id}` ({held.titles.en}, {held.version})" for held in builtin().values())
    return f"The packages that come with Tovholder, under `src/tovholder/packages/builtin`: {shown}."


def _model(model: type[BaseModel], place: str) -> list[str]:
    title = f"{model.__name__}: {place}" if place else model.__name__
    lines = [f'<a id="{_anchor(model)}"></a>', "", f"## {title}", "", _plain(inspect.getdoc(model) or ""), ""]
    comments = _comments(model)
    lines += ["| Key | Value | Without it | Meaning |", "| --- | --- | --- | --- |"]
    for name, held in model.model_fields.items():
        missing = "required" if held.is_required() else _default(held)
        key = held.alias or name
        lines.append(f"| `{key}` | {_type(held.annotation)} | {missing} | {comments.get(name, '')} |")
    return [*lines, ""]


def _default(held: Any) -> str:
    value = held.get_default(call_default_factory=True)
    if value is None or value in ((), {}, "") or value is False:
        return ""
    return f"`{value}`"


def _comments(model: type[BaseModel]) -> dict[str, str]:
    """What stands beside a field in its own line of the source."""
    found = re.finditer(r"^    (\w+):.*?  # (.+)$", inspect.getsource(model), re.MULTILINE)
    return {match[1]: match[2].replace("|", "\\|") for match in found}


def _type(annotation: Any) -> str:
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(_type(part) for part in inner if part is not type(None)))
    if origin is tuple:
        return f"list of {_type(inner[0])}"
    if origin is dict:
        return f"table of {_type(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{annotation.__name__}](#{_anchor(annotation)})"
    if isinstance(annotation, EnumType):
        members: Any = annotation
        return ", ".join(f"`{value}`" for value in members)
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false", "date": "date"}
    return words.get(getattr(annotation, "__name__", ""), "any")


def _gather(annotation: Any, seen: dict[type[BaseModel], None]) -> None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        if annotation in seen:
            return
        seen[annotation] = None
        for held in annotation.model_fields.values():
            _gather(held.annotation, seen)
        return
    for part in get_args(annotation):
        _gather(part, seen)


def _plain(words: str) -> str:
    return re.sub(r"``([^`]+)``", r"`\1`", words)


def _first(model: type[BaseModel]) -> str:
    return _plain(
        (inspect.getdoc(model) or "").split("\n\n")[0].replace("\n", " ").partition(": ")[2] or model.__name__
    )


def _anchor(model: type[BaseModel]) -> str:
    return model.__name__.lower()
