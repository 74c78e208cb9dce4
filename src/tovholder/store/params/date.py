"""Date search: prefixes eq ne gt lt ge le sa eb ap over [low, high) intervals in epoch milliseconds (R4 §3.1.1.4.7)."""

from __future__ import annotations

from tovholder.fhir.search_values import asked_range
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.terms import Own, Sql, Term, any_of

PREFIXES = ("eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
EXPECTED = "YYYY, YYYY-MM, YYYY-MM-DD or an instant, after eq ne gt lt ge le sa eb ap"
Told = tuple[str, int, int]  # prefix, and [low, high) in epoch milliseconds


def term(asked: Asked) -> Term:
    """Resources with a date in one of the ranges."""
    asked.without()
    return asked.rows("store_date", [condition(asked, value, "t.low", "t.high") for value in asked.values])


def updated(asked: Asked) -> Term:
    """Resources last updated in one of the ranges; an instant is a range of one millisecond."""
    asked.without()
    found = any_of([moment(_told(asked, value), asked.now, "{r}.updated") for value in asked.values])
    listed = Sql(
        f"SELECT x.key FROM store_resource AS x WHERE x.type = %s AND NOT x.deleted AND {found.text.replace('{r}', 'x')}",
        (asked.kind, *found.values),
    )
    return Own(found.text, found.values, listed)


def moment(told: Told, now: int, column: str) -> Sql:
    """A value over a column of moments: the same prefixes, with nothing but the column on its side of the sign."""
    prefix, first, end = told
    room = abs(now - (first + end) // 2) // 10 if prefix == "ap" else 0
    match prefix:
        case "ne":
            return Sql(f"({column} < %s OR {column} >= %s)", (first, end))
        case "gt" | "sa":
            return Sql(f"{column} >= %s", (end,))
        case "lt" | "eb":
            return Sql(f"{column} < %s", (first,))
        case "ge":
            return Sql(f"{column} >= %s", (first,))
        case "le":
            return Sql(f"{column} < %s", (end,))
    return Sql(f"({column} >= %s AND {column} < %s)", (first - room, end + room))


def read(text: str) -> Told | None:
    """Prefix and [low, high) of a value; None when it is no date, or its prefix is none."""
    prefix, date = (text[:2], text[2:]) if text[:2].isalpha() else ("eq", text)
    covered = asked_range(date)
    return (prefix, *covered) if covered is not None and prefix in PREFIXES else None


def _told(asked: Asked, value: str) -> Told:
    told = read(plain(value).strip())
    if told is None:
        asked.refuse("not a date", EXPECTED)
    return told


def condition(asked: Asked, value: str, low: str, high: str) -> Sql:
    """A value over two columns that hold what the resource covers.

    eq: the resource lies within what was asked. gt and lt: some of it lies beyond. sa and eb: all of it does.
    ap: they overlap, when what was asked is widened by a tenth of its distance from now.
    """
    prefix, first, end = _told(asked, value)
    within = Sql(f"{low} >= %s AND {high} <= %s", (first, end))
    # Bounding low as well lets the index end where nothing can follow.
    eq = Sql(f"{low} >= %s AND {low} < %s AND {high} <= %s", (first, end, end))
    match prefix:
        case "eq":
            return eq
        case "ne":
            return Sql(f"NOT ({within.text})", within.values)
        case "gt":
            return Sql(f"{high} > %s", (end,))
        case "lt":
            return Sql(f"{low} < %s", (first,))
        case "ge":
            return Sql(f"({high} > %s OR ({within.text}))", (end, *within.values))
        case "le":
            return Sql(f"({low} < %s OR ({within.text}))", (first, *within.values))
        case "sa":
            return Sql(f"{low} >= %s", (end,))
        case "eb":
            return Sql(f"{high} <= %s", (first,))
    room = abs(asked.now - (first + end) // 2) // 10
    return Sql(f"{low} < %s AND {high} > %s", (end + room, first - room))
