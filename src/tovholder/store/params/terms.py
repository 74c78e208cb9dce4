"""Conditions of a search as SQL, asked in two ways: which resources meet this, and does this one?

Which way is right depends on how many there are, and the databases guess badly at that: codes are skewed, and a code
says nearly all about the parameter beside it. So the plan decides (``plan``), and what is written leaves the database
little choice: a list of keys, or a look at one resource that the planner may not turn round (``LIMIT 1 OFFSET 0``
keeps PostgreSQL from making a join of it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tovholder import database
from tovholder.fhir.index_tables import BY_KEY


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL with what is bound in it."""

    text: str
    values: tuple[Any, ...] = ()

    def __add__(self, other: Sql) -> Sql:
        return Sql(self.text + other.text, self.values + other.values)


NEVER = Sql("1 = 0")
ALWAYS = Sql("1 = 1")


def join(parts: Sequence[Sql], word: str) -> Sql:
    """Pieces with a word between them, in brackets where there are several."""
    if len(parts) == 1:
        return parts[0]
    text = f" {word} ".join(part.text for part in parts)
    return Sql(f"({text})", tuple(value for part in parts for value in part.values))


def conjunction(parts: Iterable[Sql]) -> Sql:
    """All of them, without brackets; what is empty asks nothing."""
    told = [part for part in parts if part.text]
    return Sql(" AND ".join(part.text for part in told), tuple(value for part in told for value in part.values))


def all_of(parts: Sequence[Sql]) -> Sql:
    """True where each is."""
    return join(parts, "AND") if parts else ALWAYS


def any_of(parts: Sequence[Sql]) -> Sql:
    """True where one is."""
    return join(parts, "OR") if parts else NEVER


class Term(Protocol):
    """One condition."""

    def keys(self) -> Sql | None:
        """A SELECT of the keys of the resources that meet it; None when they cannot be listed."""

    def leaf(self) -> Sql | None:
        """The SELECT the list starts from: what tells how long it is going to be."""

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        """True for the row of store_resource that goes by this name.

        narrow: a SELECT of the few keys there are to look at, so that a list is made of no others.
        """


@dataclass(frozen=True, slots=True)
class Rows:
    """Resources with a row of an index table. where: alternatives over ``t``, each a plain conjunction.

    exact: the alternatives name the first two columns, so that one resource is a single look at the primary key.
    """

    table: str
    where: tuple[Sql, ...]
    exact: bool = False

    def keys(self) -> Sql | None:
        return self._list(None)

    def _list(self, narrow: Sql | None) -> Sql:
        among = Sql("") if narrow is None else Sql(f" AND t.key IN ({narrow.text})", narrow.values)
        selects = [
            Sql(f"SELECT t.key FROM {self.table} AS t WHERE {way.text}", way.values) + among for way in self.where
        ]
        text = " UNION ALL ".join(select.text for select in selects)
        return Sql(text, tuple(value for select in selects for value in select.values))

    def leaf(self) -> Sql | None:
        return self.keys()

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        if not self.where:
            return NEVER
        if not self.exact and self.table not in BY_KEY:
            return Sql(f"{row}.key IN (", ()) + self._list(narrow) + Sql(")")
        return any_of(
            [
                Sql(
                    f"EXISTS (SELECT 1 FROM {self.table} AS t WHERE {way.text} AND t.key = {row}.key LIMIT 1 OFFSET 0)",
                    way.values,
                )
                for way in self.where
            ]
        )


@dataclass(frozen=True, slots=True)
class Own:
    """A condition on the resource's own row. text has ``{r}`` where the row's name goes.

    listed: a SELECT of the keys, where an index gives them.
    """

    text: str
    values: tuple[Any, ...] = ()
    listed: Sql | None = None

    def keys(self) -> Sql | None:
        return self.listed

    def leaf(self) -> Sql | None:
        return self.listed

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        return Sql(self.text.replace("{r}", row), self.values)


NOTHING = Own(NEVER.text, (), Sql(f"SELECT x.key FROM store_resource AS x WHERE {NEVER.text}"))


@dataclass(frozen=True, slots=True)
class Ids(Own):
    """Resources by their own ids."""


@dataclass(frozen=True, slots=True)
class OfPatient:
    """Resources about one of these patients: the way in by the patient's index.

    rows: what must hold besides, where a resource can be about a patient by another element than the one asked for.
    """

    kind: str
    patients: tuple[str, ...]
    rows: Rows | None = None

    def keys(self) -> Sql | None:
        if self.rows is not None:
            return self.rows.keys()
        found = among("x.patient_id", self.patients)
        return Sql(
            f"SELECT x.key FROM store_resource AS x WHERE {found.text} AND x.type = %s AND NOT x.deleted",
            (*found.values, self.kind),
        )

    def leaf(self) -> Sql | None:
        return self.keys()

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        about = among(f"{row}.patient_id", self.patients)
        return about if self.rows is None else all_of([about, self.rows.check(row, narrow)])


@dataclass(frozen=True, slots=True)
class Not:
    """What does not meet a condition, resources that say nothing of it among them."""

    kind: str
    term: Term

    def keys(self) -> Sql | None:
        return None

    def leaf(self) -> Sql | None:
        return None

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        keys = self.term.keys()
        if narrow is None and keys is not None and not _single_look(self.term):
            # NOT IN a long list is what PostgreSQL does worst; a difference of sets is done well by both.
            return Sql(
                f"{row}.key IN (SELECT x.key FROM store_resource AS x WHERE x.type = %s EXCEPT"
                f" SELECT u.key FROM ({keys.text}) AS u)",
                (self.kind, *keys.values),
            )
        inner = self.term.check(row, narrow)
        return Sql(f"NOT ({inner.text})", inner.values)


def _single_look(term: Term) -> bool:
    if isinstance(term, Either):
        return all(_single_look(item) for item in term.terms)
    return isinstance(term, Own) or (isinstance(term, Rows) and (term.exact or term.table in BY_KEY))


@dataclass(frozen=True, slots=True)
class Either:
    """What meets one of several conditions."""

    terms: tuple[Term, ...]

    def keys(self) -> Sql | None:
        return _union(self.terms, lambda term: term.keys())

    def leaf(self) -> Sql | None:
        return _union(self.terms, lambda term: term.leaf())

    def check(self, row: str, narrow: Sql | None = None) -> Sql:
        return any_of([term.check(row, narrow) for term in self.terms])


def _union(terms: Iterable[Term], of: Callable[[Term], Sql | None]) -> Sql | None:
    found: list[Sql] = []
    for term in terms:
        select = of(term)
        if select is None:
            return None
        found.append(select)
    return Sql(
        " UNION ALL ".join(select.text for select in found), tuple(value for select in found for value in select.values)
    )


def either(terms: Sequence[Term]) -> Term:
    """One of several; the one itself when there is but one."""
    return terms[0] if len(terms) == 1 else Either(tuple(terms))


def among(column: str, values: Sequence[Any]) -> Sql:
    """True where the column is one of the values."""
    if len(values) == 1:
        return Sql(f"{column} = %s", (values[0],))
    text, bound = database.in_list(column, values)
    return Sql(text, tuple(bound))


def member(term: Term, row: str) -> Sql:
    """True where the row is in the term's list; the check where it has none."""
    keys = term.keys()
    return term.check(row) if keys is None else _among(row, keys)


def _among(row: str, keys: Sql | None) -> Sql:
    assert keys is not None
    return Sql(f"{row}.key IN ({keys.text})", keys.values)
