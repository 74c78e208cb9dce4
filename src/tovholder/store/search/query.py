"""A search as asked: what to find and how to give it (R4 §3.1.1.3 to §3.1.1.5); read once, SQL is made from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal
from urllib.parse import parse_qsl

from django.conf import settings

from tovholder.base.errors import Category, Issue, Problem
from tovholder.base.text import name_to_tell, whole_number
from tovholder.fhir import searchparams
from tovholder.fhir.definitions import resource_types
from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params.asked import KEPT, split
from tovholder.store.params.special import EVERYWHERE
from tovholder.store.search.cursor import Params
from tovholder.store.search.steps import Chain, Has, Leaf, Step, Unknown, known, step, unknown_here

DEFAULT_COUNT = 50
MAX_SORTS = 8
Summary = Literal["false", "true", "text", "data", "count"]
_SUMMARIES: tuple[Summary, ...] = ("true", "text", "data", "count", "false")
_TOTALS = ("none", "estimate", "accurate")
# About the form of the answer alone: the edge has read them.
_FORM = frozenset({"_format", "_pretty"})
# What may differ between the pages of one search.
_SHOWN = _FORM | {"_cursor", "_count", "_total", "_summary", "_elements", "_include", "_revinclude"}


@dataclass(frozen=True, slots=True)
class Sort:
    """One key to sort by."""

    parameter: SearchParameter
    descending: bool


@dataclass(frozen=True, slots=True)
class Include:
    """What to give along: ``Type:parameter[:target]``; ``*`` for any. reverse: what points at the matches."""

    source: str
    parameter: str
    target: str
    iterate: bool
    reverse: bool


@dataclass(slots=True)
class Query:
    """kind: the type searched. steps: conditions that all hold, each with values of which one must.

    total: whether to count. used: the parameters followed, as written. ignored: what was passed over, when asked to be
    lenient.
    """

    kind: str
    steps: list[tuple[Step, tuple[str, ...]]] = field(default_factory=list)
    count: int = DEFAULT_COUNT
    sorts: tuple[Sort, ...] = ()
    total: bool = False
    summary: Summary = "false"
    elements: frozenset[str] = frozenset()
    includes: list[Include] = field(default_factory=list)
    cursor: str | None = None
    used: list[tuple[str, str]] = field(default_factory=list)
    ignored: list[Issue] = field(default_factory=list)

    @property
    def identity(self) -> Params:
        """What makes this search the same search on another page."""
        return tuple((name, value) for name, value in self.used if name.partition(":")[0] not in _SHOWN)


def parse_query(text: str) -> list[tuple[str, str]]:
    """The parameters of a query string or form."""
    return parse_qsl(text, keep_blank_values=True)


# Whether a parameter of a type, asked with this modifier for these values, would tell what the asker is not shown.
Hides = Callable[[SearchParameter, str, str, tuple[str, ...]], bool]


def parse(
    kind: str,
    params: Sequence[tuple[str, str]],
    *,
    strict: bool = True,
    to_look: bool = False,
    hides: Hides | None = None,
) -> Query:
    """Parameters as a query. Raises Problem(INVALID) naming what there is.

    strict: what is not known is refused; else it is passed over and told (R4 §3.1.1.1). to_look: nothing is done to what
    is found, so even then a name that cannot narrow it (``may_narrow``) is passed over. hides: what is not to be asked
    for, as if it were not there.
    """
    query = Query(kind)
    wrong: list[Issue] = []
    values = 0
    for name, value in params:
        control = _CONTROLS.get(name)
        if control is not None:
            issue = control(query, value) or (_hidden_control(name, query, hides) if hides is not None else None)
            if issue is not None and (strict or issue.code != "not-supported"):
                wrong.append(issue)
            elif issue is not None:
                query.ignored.append(issue)
            else:
                query.used.append((name, value))
            continue
        found = step(kind, name, settings.ENV.limits.chain)
        if isinstance(found, Unknown):
            (wrong if strict and (may_narrow(name) or not to_look) else query.ignored).append(found.issue)
            continue
        told = tuple(part for part in split(value, ",") if part)
        found = _without(found, told, hides) if hides is not None else found
        if isinstance(found, Unknown):
            (wrong if strict else query.ignored).append(found.issue)
            continue
        if not told:
            issue = Issue(name_to_tell(name) or "url", "a search value is empty", "a value", "value")
            (wrong if strict else query.ignored).append(issue)
            continue
        values += len(told)
        query.steps.append((found, told))
        query.used.append((name, value))
    most = settings.ENV.limits.search_values
    if values > most:
        wrong.append(Issue("url", f"{values} search values", f"at most {most} in one search", "too-costly"))
    if wrong:
        raise Problem(Category.INVALID, "The search cannot be run", wrong, kept=KEPT)
    return query


def _without(found: Step, values: tuple[str, ...], hides: Hides) -> Step | Unknown:
    """A step that reads nothing hidden; a chain goes on by those of its targets that may be asked."""
    match found:
        case Leaf(kind, parameter, modifier):
            return unknown_here(kind, parameter.name) if hides(parameter, kind, modifier, values) else found
        case Has(kind, source, parameter, inner):
            left = _without(inner, values, hides)
            if isinstance(left, Unknown) or hides(parameter, source, "", ()):
                return unknown_here(source, parameter.name)
            return found
        case Chain(kind, parameter, targets):
            open_ = [item for item in targets if not isinstance(_without(item, values, hides), Unknown)]
            if not open_ or hides(parameter, kind, "", ()):
                return unknown_here(kind, parameter.name)
            kept = [_without(item, values, hides) for item in open_]
            return Chain(kind, parameter, tuple(item for item in kept if not isinstance(item, Unknown)))


def _hidden_control(name: str, query: Query, hides: Hides) -> Issue | None:
    if name == "_sort" and any(hides(item.parameter, query.kind, "", ()) for item in query.sorts):
        query.sorts = ()
        return _unsortable(query.kind)
    if name.startswith(("_include", "_revinclude")) and query.includes:
        kept = [item for item in query.includes if not _hidden_include(item, hides)]
        if len(kept) < len(query.includes):
            query.includes = kept
            return _no_include(name)
    return None


def _hidden_include(told: Include, hides: Hides) -> bool:
    named = searchparams.search_parameter(told.source, told.parameter)  # none where it stands for any
    return named is not None and hides(named, told.source, "", ())


def may_narrow(name: str) -> bool:
    """Whether passing over an unknown parameter might show more than was asked for.

    Not what begins with an underscore and is none of R4's own: clients' and other servers' ways to count or to page
    (fhirpy sends ``_totalMethod``). R4 §3.1.1.1 would pass over every unknown name; a misspelt filter is refused.
    """
    return name[:1] != "_" or name.partition(":")[0].partition(".")[0] in _OF_R4


# R4 §3.1.1.3 and .4: what may stand in a search of any type.
_NAMES = (
    "_contained _containedType _content _count _elements _filter _has _id _include _lastUpdated _list _profile _query"
    " _revinclude _score _security _sort _source _summary _tag _text _total _type"
)
_OF_R4 = frozenset(_NAMES.split())


def _count(query: Query, value: str) -> Issue | None:
    wanted, most = whole_number(value), settings.ENV.limits.count
    if wanted is None:
        return Issue("_count", "not a whole number", f"0 to {most}", "value")
    query.count = min(wanted, most)
    return None


def _sort(query: Query, value: str) -> Issue | None:
    names = [name for name in value.split(",") if name]
    found = tuple(sorting(query.kind, name) for name in names)
    if not names or len(names) > MAX_SORTS or None in found:
        return _unsortable(query.kind)
    query.sorts = tuple(item for item in found if item is not None)
    return None


def _unsortable(kind: str) -> Issue:
    return Issue(
        "_sort",
        "cannot sort by this",
        f"up to {MAX_SORTS} of: {known(kind)}; a minus before one turns it round",
        "not-supported",
    )


@lru_cache(maxsize=1024)
def sorting(kind: str, name: str) -> Sort | None:
    """A name of ``_sort``; None for what cannot be sorted by."""
    plain = name.removeprefix("-")
    parameter = EVERYWHERE.get(plain) or searchparams.search_parameter(kind, plain)
    if parameter is None or parameter.kind == "composite" or not (parameter.expression or plain in EVERYWHERE):
        return None
    return Sort(parameter, name.startswith("-"))


def _total(query: Query, value: str) -> Issue | None:
    # An estimate would have to be worked out as well: it is counted, too.
    query.total = value in ("estimate", "accurate")
    return None if value in _TOTALS else Issue("_total", "no such way to count", ", ".join(_TOTALS), "value")


def _summary(query: Query, value: str) -> Issue | None:
    if value not in _SUMMARIES:
        return Issue("_summary", "no such summary", ", ".join(_SUMMARIES), "value")
    query.summary = value
    return None


def _elements(query: Query, value: str) -> Issue | None:
    names = frozenset(name.strip() for name in value.split(",") if name.strip())
    if not names or not all(name.isalnum() and name.isascii() for name in names):
        return Issue("_elements", "not a list of elements", "names of top-level elements, comma separated", "value")
    query.elements |= names
    return None


def _cursor(query: Query, value: str) -> Issue | None:
    query.cursor = value
    return None


def _form(query: Query, value: str) -> Issue | None:
    return None


def _contained(query: Query, value: str) -> Issue | None:
    if value in ("false", "container"):  # what is contained is not searched, and its container is what is given
        return None
    return Issue("_contained", "contained resources are not searched", "false", "not-supported")


def _including(reverse: bool, iterate: bool, query: Query, value: str) -> Issue | None:
    name = "_revinclude" if reverse else "_include"
    for told in (part for part in value.split(",") if part):
        found = including(told, reverse, iterate)
        if found is None:
            return _no_include(name)
        query.includes.append(found)
    return None


def _no_include(name: str) -> Issue:
    name = name.partition(":")[0]
    return Issue(name, "no such reference parameter", "<type>:<reference parameter>[:<type>] or *", "not-supported")


@lru_cache(maxsize=1024)
def including(text: str, reverse: bool, iterate: bool) -> Include | None:
    """One value of ``_include`` or ``_revinclude``; None for what there is not."""
    source, _, rest = text.partition(":")
    parameter, _, target = rest.partition(":")
    if text == "*":
        return Include("*", "*", "", iterate, reverse)
    if source not in resource_types() or (target and target not in resource_types()):
        return None
    if parameter != "*":
        found = searchparams.search_parameter(source, parameter)
        if found is None or found.kind != "reference":
            return None
    return Include(source, parameter, target, iterate, reverse)


_CONTROLS = {
    "_contained": _contained,
    "_containedType": _contained,
    "_count": _count,
    "_cursor": _cursor,
    "_elements": _elements,
    "_format": _form,
    "_pretty": _form,
    "_sort": _sort,
    "_summary": _summary,
    "_total": _total,
} | {
    f"{name}{suffix}": (
        lambda query, value, reverse=reverse, iterate=bool(suffix): _including(reverse, iterate, query, value)
    )
    for name, reverse in (("_include", False), ("_revinclude", True))
    for suffix in ("", ":iterate", ":recurse")
}
