"""Token search: code, system|code, |code, system|; :not, :text (R4 §3.1.1.4.10)."""

from __future__ import annotations

from tovholder.fhir.search_values import bounded, fold
from tovholder.store.params.asked import Asked, plain, split
from tovholder.store.params.string import starts_with
from tovholder.store.params.terms import Not, Rows, Sql, Term, among, conjunction

MODIFIERS = ("not", "text")


def term(asked: Asked) -> Term:
    """Resources with one of the codes; ``:not``: with none of them; ``:text``: whose words for it start so."""
    asked.without(*MODIFIERS)
    if asked.modifier == "text":
        return text_rows(asked)
    found = rows(asked)
    return Not(asked.kind, found) if asked.modifier == "not" else found


def text_rows(asked: Asked) -> Rows:
    """Resources with a text or display that starts with one of the values."""
    return asked.rows("store_string", [starts_with(fold(plain(value))) for value in asked.values], suffix=":text")


def rows(asked: Asked, suffix: str = "") -> Rows:
    """Index rows of a parameter with one of the values; those with one system are asked for together."""
    anywhere: list[str] = []
    by_system: dict[str, list[str]] = {}
    whole: list[str] = []
    for value in asked.values:
        system, code = parts(asked, value)
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
    return asked.rows("store_token", ways, exact=not whole, suffix=suffix)


def parts(asked: Asked, value: str) -> tuple[str | None, str]:
    """System (None: any) and code (empty: any) of a value."""
    told = [bounded(plain(part)) for part in split(value, "|")]
    if len(told) == 1 and told[0]:
        return None, told[0]
    if len(told) != 2 or not any(told):
        asked.refuse("not a token", "code, system|code, |code or system|")
    system, code = told
    # A code that FHIR binds to one system is written without it: gender=http://hl7.org/fhir/administrative-gender|male.
    return ("" if system in asked.parameter.systems else system), code


def condition(asked: Asked, value: str, code: str, system: str) -> Sql:
    """A value over columns of these names (the parts of a composite)."""
    wanted_system, wanted_code = parts(asked, value)
    found: list[Sql] = []
    if wanted_code:
        found.append(Sql(f"{code} = %s", (wanted_code,)))
    if wanted_system is not None:
        found.append(Sql(f"{system} = %s", (wanted_system,)))
    return conjunction(found)
