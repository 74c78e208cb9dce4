"""Steps as conditions: chains and reverse chains, each type on the way within the actor's scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tovholder.access import Context
from tovholder.access.policy import decide
from tovholder.fhir import searchparams
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store import params, scope
from tovholder.store.params.asked import Asked
from tovholder.store.params.terms import Sql, Term, among, either, member
from tovholder.store.search.steps import Chain, Has, Leaf, Step


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, when and of which server."""

    ctx: Context
    now: int
    base: str


def term(step: Step, values: tuple[str, ...], asking: Asking) -> Term:
    """A step and its values as a condition. Raises Problem(INVALID)."""
    match step:
        case Leaf(kind, parameter, modifier):
            return params.term(Asked(kind, parameter, modifier, values, asking.now, asking.base, asking.ctx))
        case Chain(kind, parameter, targets):
            return either(
                [
                    Chained(kind, parameter, target.kind, term(target, values, asking), within(asking, target.kind))
                    for target in targets
                ]
            )
        case Has(kind, source, parameter, inner):
            return Reversed(kind, parameter, source, term(inner, values, asking), within(asking, source))


def within(asking: Asking, kind: str, *, few: bool = False) -> Callable[[str], Sql]:
    """What the actor may search of a type, as a condition on a row of it. few: of rows that are looked at one by one.

    Nobody learns by a chain what a search of the type itself would not show.
    """
    allowed = decide(asking.ctx, "search", kind)

    def made(row: str) -> Sql:
        text, values = scope.predicate(allowed, asking.ctx, kind, row=row, few=few)
        return Sql(text, tuple(values))

    return made


def _pointing(kind: str, parameter: SearchParameter) -> Sql:
    """True for the rows ``f`` of a reference parameter."""
    return among("f.param", searchparams.numbers(kind, parameter.name))


@dataclass(frozen=True, slots=True)
class Chained:
    """Resources whose reference leads to one of ``target`` that meets a condition."""

    kind: str
    parameter: SearchParameter
    target: str
    inner: Term
    scope: Callable[[str], Sql]

    def keys(self) -> Sql | None:
        seen, met = self.scope("c"), member(self.inner, "c")
        rids = (
            f"SELECT c.rid FROM store_resource AS c WHERE {met.text} AND c.type = %s AND NOT c.deleted AND {seen.text}"
        )
        values = (*met.values, self.target, *seen.values)
        if self._by_patient and self.parameter.patient_alone:
            return Sql(
                f"SELECT x.key FROM store_resource AS x WHERE x.patient_id IN ({rids}) AND x.type = %s AND NOT x.deleted",
                (*values, self.kind),
            )
        told = _pointing(self.kind, self.parameter)
        return Sql(
            f"SELECT f.key FROM store_reference AS f WHERE {told.text} AND f.rid IN ({rids}) AND f.type = %s",
            (*told.values, *values, self.target),
        )

    def leaf(self) -> Sql | None:
        return self.inner.leaf()

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        if not self._by_patient:
            # References are found by what they point at, not by where they stand: the list is the only way.
            keys = self.keys()
            assert keys is not None
            return Sql(f"{row}.key IN ({keys.text})", keys.values)
        one = f"{row}c"
        seen, met = self.scope(one), self.inner.check(one)
        values = (self.target, *seen.values, *met.values)
        asked = ""
        if not self.parameter.patient_alone:
            told = _pointing(self.kind, self.parameter)
            asked = (
                f" AND EXISTS (SELECT 1 FROM store_reference AS f WHERE {told.text} AND f.rid = {row}.patient_id"
                f" AND f.type = %s AND f.key = {row}.key LIMIT 1 OFFSET 0)"
            )
            values = (*values, *told.values, self.target)
        return Sql(
            f"EXISTS (SELECT 1 FROM store_resource AS {one} WHERE {one}.type = %s AND {one}.rid = {row}.patient_id"
            f" AND NOT {one}.deleted AND {seen.text} AND {met.text}{asked} LIMIT 1 OFFSET 0)",
            values,
        )

    @property
    def _by_patient(self) -> bool:
        return self.target == "Patient" and self.parameter.is_patient


@dataclass(frozen=True, slots=True)
class Reversed:
    """Resources of ``kind`` that one of ``source`` points at, which meets a condition."""

    kind: str
    parameter: SearchParameter
    source: str
    inner: Term
    scope: Callable[[str], Sql]

    def keys(self) -> Sql | None:
        seen, met = self.scope("o"), member(self.inner, "o")
        if self._by_patient:
            rids, values = self._patients(seen, met)
        else:
            told = _pointing(self.source, self.parameter)
            rids = (
                "SELECT f.rid FROM store_reference AS f JOIN store_resource AS o ON o.key = f.key"
                f" WHERE {told.text} AND f.type = %s AND {met.text} AND {seen.text}"
            )
            values = (*told.values, self.kind, *met.values, *seen.values)
        return Sql(
            f"SELECT x.key FROM store_resource AS x WHERE x.type = %s AND x.rid IN ({rids}) AND NOT x.deleted",
            (self.kind, *values),
        )

    def _patients(self, seen: Sql, met: Sql) -> tuple[str, tuple[object, ...]]:
        text = (
            f"SELECT o.patient_id FROM store_resource AS o WHERE {met.text} AND o.type = %s AND NOT o.deleted"
            f" AND {seen.text}"
        )
        values = (*met.values, self.source, *seen.values)
        if self.parameter.patient_alone:
            return text, values
        told = _pointing(self.source, self.parameter)
        text += (
            f" AND EXISTS (SELECT 1 FROM store_reference AS f WHERE {told.text} AND f.rid = o.patient_id"
            " AND f.type = %s AND f.key = o.key LIMIT 1 OFFSET 0)"
        )
        return text, (*values, *told.values, self.kind)

    def leaf(self) -> Sql | None:
        return self.inner.leaf()

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        one = f"{row}o"
        seen, met = self.scope(one), self.inner.check(one)
        if self._by_patient and self.parameter.patient_alone:
            return Sql(
                f"EXISTS (SELECT 1 FROM store_resource AS {one} WHERE {one}.patient_id = {row}.rid AND {one}.type = %s"
                f" AND NOT {one}.deleted AND {seen.text} AND {met.text} LIMIT 1 OFFSET 0)",
                (self.source, *seen.values, *met.values),
            )
        told = _pointing(self.source, self.parameter)
        return Sql(
            f"EXISTS (SELECT 1 FROM store_reference AS f CROSS JOIN store_resource AS {one} WHERE {told.text}"
            f" AND f.rid = {row}.rid AND f.type = %s AND {one}.key = f.key AND {seen.text} AND {met.text}"
            " LIMIT 1 OFFSET 0)",
            (*told.values, self.kind, *seen.values, *met.values),
        )

    @property
    def _by_patient(self) -> bool:
        return self.kind == "Patient" and self.parameter.is_patient
