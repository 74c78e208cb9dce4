"""Reads a package folder into a Package, and tells everything that is wrong with it at once, with file and line."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from tovholder.base import days, json
from tovholder.base.errors import Category, Issue, Problem, not_found
from tovholder.packages import shared
from tovholder.packages.common import Frozen
from tovholder.packages.explain import issues_of
from tovholder.packages.licensed import worded
from tovholder.packages.locate import Locator, locate
from tovholder.packages.model import (
    Cockpit,
    Content,
    Example,
    Form,
    Head,
    Inclusion,
    Indicator,
    LevelRules,
    Package,
    PlanTemplate,
    Referrals,
    Rule,
    Scoring,
)

BUILTIN = Path(__file__).parent / "builtin"
_SINGLE: Mapping[str, type[Frozen]] = {
    "package.toml": Head,
    "inclusion.toml": Inclusion,
    "level.toml": LevelRules,
    "plan.toml": PlanTemplate,
    "cockpit.toml": Cockpit,
    "referrals.toml": Referrals,
    "content.toml": Content,
}
_FOLDERS: Mapping[str, tuple[str, ...]] = {
    "forms": (".json", ".toml"),
    "rules": (".toml",),
    "indicators": (".toml",),
    "examples": (".json",),
}
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
M = TypeVar("M", bound=BaseModel)


def load(folder: Path, *, licensed: Path | None = None) -> Package:
    """Read a package. Raises Problem(INVALID) with one issue per fault, in all files, or NOT_FOUND without a folder.

    ``licensed``: a folder with the licensed words of questionnaires, which stand in place of the neutral ones.
    """
    if not folder.is_dir():
        raise not_found(f"the package folder {folder.name}")
    reader = _Reader(folder)
    package = reader.read()
    if package is None or reader.issues:
        count = len(reader.issues)
        raise Problem(
            Category.INVALID,
            f"The package {folder.name} has {count} fault{'' if count == 1 else 's'}",
            sorted(reader.issues, key=lambda issue: _place_key(issue.path)),
            kept="the package was not loaded",
        )
    return replace(package, forms={key: worded(form, licensed) for key, form in package.forms.items()})


def _place_key(place: str) -> tuple[str, int]:
    file, _, line = place.partition(":")
    return file, int(line) if line.isdigit() else 0


class _Reader:
    """One reading of one folder; collects faults instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.issues: list[Issue] = []
        self.locators: dict[str, Locator] = {}

    def read(self) -> Package | None:
        self._unknown_files()
        single: dict[str, Any] = {name: self._toml(name, model) for name, model in _SINGLE.items()}
        rules = self._each("rules", Rule)
        indicators = self._each("indicators", Indicator)
        forms = self._forms()
        examples = self._examples()
        if self.issues:
            return None
        head: Head = single["package.toml"]
        package = self._package(head, single, rules, indicators, forms, examples)
        for index, activity in enumerate(package.plan.activities):
            if activity.shared is not None and activity.shared not in shared.known():
                if broken := shared.fault():
                    self.issues += broken
                    break
                place = package.place("plan.toml", "activities", index, "shared")
                self._fault(
                    place, f'nothing shared is called "{activity.shared}"', f"one of: {', '.join(shared.known())}"
                )
        for part in package.queries:
            if package.file_of(part) not in self.locators or not part.id.startswith(f"{head.id}-"):
                wanted = f"{head.id}-<file name without .toml>, each once"
                self._fault(package.file_of(part), f"the id {part.id} is not that of its file", wanted)
        return package

    def _package(
        self,
        head: Head,
        single: Mapping[str, Any],
        rules: tuple[Rule, ...],
        indicators: tuple[Indicator, ...],
        forms: Mapping[str, Form],
        examples: tuple[Example, ...],
    ) -> Package:
        inclusion: Inclusion = single["inclusion.toml"]
        chosen = {name for name, held in head.parameters.items() if held.value == 1}
        codes = tuple(code for code in inclusion.codes if code.parameter is None or code.parameter in chosen)
        return Package(
            folder=self.folder,
            id=head.id,
            version=head.version,
            valid_from=days.day_of(head.valid_from),
            titles=head.title,
            summary=head.summary,
            approver=head.approver,
            episode_label=head.episode_label,
            source=head.source,
            source_choices=head.source_choices or (head.source,),
            sources={source.id: source for source in head.sources},
            rights=head.rights,
            levels=head.levels,
            appointment_kinds=head.appointment_kinds,
            parameter_definitions=head.parameters,
            inclusion=inclusion.model_copy(update={"codes": codes}),
            optional_codes=tuple(code for code in inclusion.codes if code.parameter is not None),
            plan=single["plan.toml"],
            forms=forms,
            level=single["level.toml"],
            rules=rules,
            cockpit=single["cockpit.toml"],
            indicators=indicators,
            referrals=single["referrals.toml"].referrals,
            content=single["content.toml"].content,
            examples=examples,
            locators=self.locators,
        )

    def _unknown_files(self) -> None:
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith("."):
                continue
            if path.is_dir() and path.name in _FOLDERS:
                for inner in sorted(path.iterdir()):
                    if inner.suffix not in _FOLDERS[path.name]:
                        wanted = " or ".join("*" + suffix for suffix in _FOLDERS[path.name])
                        self._fault(f"{path.name}/{inner.name}", "this file belongs to no part of a package", wanted)
            elif path.name not in _SINGLE:
                valid = ", ".join([*_SINGLE, *(f"{name}/" for name in _FOLDERS)])
                self._fault(path.name, "this file belongs to no part of a package", f"one of: {valid}")

    def _each(self, folder: str, model: type[M]) -> tuple[M, ...]:
        return tuple(
            read
            for path in self._files(folder, ".toml")
            if (read := self._toml(f"{folder}/{path.name}", model)) is not None
        )

    def _files(self, folder: str, suffix: str) -> list[Path]:
        held = self.folder / folder
        return sorted(path for path in held.glob("*" + suffix)) if held.is_dir() else []

    def _toml(self, name: str, model: type[M]) -> M | None:
        path = self.folder / name
        if not path.is_file():
            self._fault(name, "the file is missing", "a file of this name in every package")
            return None
        try:
            text = path.read_text(encoding="utf-8")
            data = tomllib.loads(text)
        except UnicodeDecodeError:
            self._fault(name, "the file is not UTF-8 text", "UTF-8")
            return None
        except OSError as error:
            self._fault(name, f"the file cannot be read: {error.strerror}", "a file that can be read")
            return None
        except RecursionError:
            self._fault(name, "the file is nested too deep", "TOML a person can read")
            return None
        except tomllib.TOMLDecodeError as error:
            at = _AT_LINE.search(str(error))
            place = f"{name}:{at.group(1)}" if at else name
            self._fault(place, f"this is not TOML: {_AT_LINE.sub('', str(error)).strip()}", "TOML 1.0")
            return None
        self.locators[name] = locate(text)
        try:
            return model.model_validate(data)
        except ValidationError as error:
            self.issues += issues_of(error, model, lambda path: f"{name}:{self.locators[name].line(path)}")
            return None

    def _forms(self) -> dict[str, Form]:
        forms: dict[str, Form] = {}
        for path in self._files("forms", ".toml"):
            name = f"forms/{path.name}"
            scoring = self._toml(name, Scoring)
            questionnaire = self._json(f"forms/{path.stem}.json")
            if scoring is None or questionnaire is None:
                continue
            if not scoring.form == path.stem == questionnaire.get("id"):
                self._fault(name, "form, file name and Questionnaire.id differ", f"{path.stem} in all three")
                continue
            if not questionnaire.get("url") or not questionnaire.get("version"):
                self._fault(f"forms/{path.stem}.json", "a Questionnaire needs url and version", "both")
                continue
            forms[path.stem] = Form(path.stem, questionnaire, scoring)
        for path in self._files("forms", ".json"):
            if not path.with_suffix(".toml").is_file():
                self._fault(f"forms/{path.name}", "the form has no scoring file", f"forms/{path.stem}.toml beside it")
        return forms

    def _examples(self) -> tuple[Example, ...]:
        found = []
        for path in self._files("examples", ".json"):
            name = f"examples/{path.name}"
            data = self._json(name)
            if data is None:
                continue
            if data.get("id") != path.stem:
                self._fault(name, "the example's id is not its file name", path.stem)
                continue
            try:
                found.append(Example.model_validate(data))
            except ValidationError as error:
                self.issues += issues_of(error, Example, lambda _path, name=name: name)  # type: ignore[misc]
        return tuple(found)

    def _json(self, name: str) -> dict[str, Any] | None:
        path = self.folder / name
        if not path.is_file():
            self._fault(name, "the file is missing", "a JSON file of this name")
            return None
        try:
            data = json.loads(path.read_bytes())
        except Problem as problem:
            self._fault(name, str(problem.issues[0]), "JSON")
            return None
        except OSError as error:
            self._fault(name, f"the file cannot be read: {error.strerror}", "a file that can be read")
            return None
        if not isinstance(data, dict):
            self._fault(name, "the file does not hold one JSON object", "{ … }")
            return None
        return data

    def _fault(self, place: str, message: str, expected: str) -> None:
        self.issues.append(Issue(place, message, expected))
