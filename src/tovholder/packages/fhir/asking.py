"""What the conditions of an action or a goal ask, in the package's own terms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import ValidationError

from tovholder.base.errors import Problem
from tovholder.packages.common import Condition
from tovholder.packages.fhir import expressions
from tovholder.packages.fhir.naming import Json
from tovholder.packages.fhir.requesting import Refusals
from tovholder.packages.model import Package, Timing


def all_of(conditions: Sequence[Condition]) -> Condition | None:
    """Conditions that must all be true; None for none."""
    if not conditions:
        return None
    return conditions[0] if len(conditions) == 1 else Condition(all=tuple(conditions))


@dataclass
class Asking:
    """Reads expressions; what cannot be asked is refused. ``package``: whose %inputs, %grade and %level may be named."""

    faults: Refusals
    package: Package | None

    def inputs(self) -> frozenset[str]:
        """The names of the package's inputs."""
        return frozenset(item.name for item in self.package.level.inputs) if self.package else frozenset()

    def row(self, row: Json, place: str, before: Sequence[Timing]) -> tuple[expressions.Part, list[Condition]]:
        """What a row's conditions say of its timing, and what else they ask."""
        part, rest = expressions.Part(), []
        earlier = expressions.none_of(before)
        for index, item in enumerate(row.get("condition", ())):
            here = f"{place}.condition[{index}]"
            text = self._expression(item.get("expression"), item.get("kind"), here)
            if text is None:
                continue
            try:
                if earlier and expressions.same(text, earlier[0]):
                    continue  # what "the first that fits" means anyway
                found = expressions.read_part(text)
                if found is None:
                    rest.append(self._checked(expressions.condition(text)))
                else:
                    self._checked(found.when)
                    part = replace(
                        part,
                        levels=found.levels or part.levels,
                        grades=found.grades or part.grades,
                        when=all_of([*([part.when] if part.when else []), *([found.when] if found.when else [])]),
                    )
            except (expressions.Unreadable, Problem, ValidationError) as error:
                self._unreadable(error, f"{here}.expression")
        return part, rest

    def _unreadable(self, error: Exception, place: str) -> None:
        told = str(error) if isinstance(error, expressions.Unreadable) else "not an expression that can be asked"
        self.faults.refuse(place, told, expressions.SUPPORTED)

    def _checked(self, condition: Condition | None) -> Condition:
        """A condition whose names are the package's. Raises Unreadable."""
        if condition is None:
            return Condition(fhirpath="true")
        names = {name for inner in condition.walk() if (name := inner.input or inner.unknown)}
        asks = any(inner.level or inner.grade for inner in condition.walk())
        if self.package is None and (names or asks):
            raise expressions.Unreadable("%inputs, %grade and %level need the library of one of our packages")
        unknown = sorted(names - self.inputs())
        if unknown:
            raise expressions.Unreadable(f"%inputs.{unknown[0]} is no input of the package")
        return condition

    def _expression(self, told: object, kind: object, place: str) -> str | None:
        if kind != "applicability":
            self.faults.refuse(f"{place}.kind", "another kind of condition", "applicability")
            return None
        if not isinstance(told, Mapping):
            self.faults.refuse(f"{place}.expression", "missing", "an expression in text/fhirpath")
            return None
        if told.get("language") != expressions.LANGUAGE:
            self.faults.refuse(f"{place}.expression.language", "another language", expressions.LANGUAGE)
            return None
        text = told.get("expression")
        if not isinstance(text, str):
            self.faults.refuse(f"{place}.expression.expression", "missing", "the expression itself")
            return None
        if len(text) > expressions.LONGEST:
            most = f"at most {expressions.LONGEST} characters"
            self.faults.refuse(f"{place}.expression.expression", "the expression is too long", most)
            return None
        return text

    def applicability(self, told: Sequence[tuple[object, object]], place: str) -> Condition | None:
        texts = [self._expression(item, kind, f"{place}.condition[{at}]") for at, (item, kind) in enumerate(told)]
        return self._conditions_of([text for text in texts if text is not None], f"{place}.condition")

    def conditions(self, told: Sequence[object], place: str) -> Condition | None:
        texts = [self._expression(item, "applicability", place) for item in told]
        return self._conditions_of([text for text in texts if text is not None], place)

    def _conditions_of(self, texts: Sequence[str], place: str) -> Condition | None:
        found = []
        for text in texts:
            try:
                found.append(self._checked(expressions.condition(text)))
            except (expressions.Unreadable, Problem, ValidationError) as error:
                self._unreadable(error, place)
        return all_of(found)
