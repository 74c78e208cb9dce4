"""Token search: code, system|code, |code, system|; :not, :text, :in, :not-in (R4 §3.1.1.4.10)."""

from __future__ import annotations

from collections.abc import Sequence

from tovholder.fhir.search_values import bounded, fold
from tovholder.fhir.terminology_systems import names_of
from tovholder.store.params import value_set
from tovholder.store.params.asked import Asked, plain, split
from tovholder.store.params.string import starts_with
from tovholder.store.params.terms import NOTHING, Not, Rows, Sql, Term, among, conjunction

MODIFIERS = ("not", "text", "in", "not-in")
FEW = 20


def term(asked: Asked) -> Term:
    """Resources with one of the codes; ``:not``: with none of them; ``:text``: whose words for it start so.

    ``:in`` and ``:not-in``: the same of all the codes of value sets.
    """
    asked.without(*MODIFIERS)
    if asked.modifier == "text":
        return text_rows(asked)
    found = of_value_sets(asked) if asked.modifier in ("in", "not-in") else rows(asked)
    return Not(asked.kind, found) if asked.modifier in ("not", "not-in") else found


def text_rows(asked: Asked) -> Rows:
    """Resources with a text or display that starts with one of the values."""
    return asked.rows("store_string", [starts_with(fold(plain(value))) for value in asked.values], suffix=":text")


def of_value_sets(asked: Asked) -> Term:
    """Resources with a code of one of the value sets: ValueSet/id, or the url of one that can be expanded here."""
    pairs: dict[tuple[str, str], None] = {}
    for value in asked.values:
        for member in value_set.members(asked, plain(value)):
            for system in names_of(member.system):
                pairs[_implied(asked, bounded(system)), bounded(member.code)] = None
    if not pairs:
        return NOTHING
    # Many codes are one list: a look for each of them, resource by resource, would be longer.
    return _rows(asked, list(pairs), exact=len(pairs) <= FEW)


def rows(asked: Asked, suffix: str = "") -> Rows:
    """Index rows of a parameter with one of the values."""
    told = [parts(asked, value) for value in asked.values]
    return _rows(asked, told, exact=all(code for _, code in told), suffix=suffix)


def _rows(asked: Asked, told: Sequence[tuple[str | None, str]], *, exact: bool, suffix: str = "") -> Rows:
    """Those with one system are asked for together."""
    anywhere: list[str] = []
    by_system: dict[str, list[str]] = {}
    whole: list[str] = []
    for system, code in told:
        if system is None:
            anywhere.append(code)
        elif code:
            by_system.setdefault(system, []).append(code)
        else:
            whole.append(system)
    ways = [among("t.code", anywhere)] if anywhere else []
    ways += [
        conjunction([among("t.code", codes), Sql("t.system = %s", (system,))]) for system, codes in by_system.items()
    ]
    if whole:
        ways.append(among("t.system", whole))
    return asked.rows("store_token", ways, exact=exact, suffix=suffix)


def parts(asked: Asked, value: str) -> tuple[str | None, str]:
    """System (None: any) and code (empty: any) of a value."""
    told = [bounded(plain(part)) for part in split(value, "|")]
    if len(told) == 1 and told[0]:
        return None, told[0]
    if len(told) != 2 or not any(told):
        asked.refuse("not a token", "code, system|code, |code or system|")
    system, code = told
    return _implied(asked, system), code


def _implied(asked: Asked, system: str) -> str:
    # A code that FHIR binds to one system is written without it: gender=http://hl7.org/fhir/administrative-gender|male.
    return "" if system in asked.parameter.systems else system


def condition(asked: Asked, value: str, code: str, system: str) -> Sql:
    """A value over columns of these names (the parts of a composite)."""
    wanted_system, wanted_code = parts(asked, value)
    found: list[Sql] = []
    if wanted_code:
        found.append(Sql(f"{code} = %s", (wanted_code,)))
    if wanted_system is not None:
        found.append(Sql(f"{system} = %s", (wanted_system,)))
    return conjunction(found)
