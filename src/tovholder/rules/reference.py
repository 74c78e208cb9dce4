"""Writes docs/reference/rules.md, the description of the SQL subset: ``python -m tovholder.rules.reference``."""

from __future__ import annotations

from tovholder.rules.check import FLAG_COLUMNS, INDICATOR_COLUMNS
from tovholder.rules.refusals import Refusal, refusals
from tovholder.rules.words import FUNCTIONS, MAX_DIGITS

_ALLOWED = (
    ("Queries", "one `SELECT`, `WITH name AS (SELECT …)` in front of it, `UNION`, `UNION ALL`, `DISTINCT`, comments"),
    ("Tables", "facts by name, CTEs, `(SELECT …) AS name`; `JOIN … ON`, `LEFT JOIN … ON`, `CROSS JOIN`"),
    ("Conditions", "`AND` `OR` `NOT`, `=` `<>`, `<` `<=` `>` `>=` `BETWEEN` (whole numbers, and ids against ids)"),
    ("", "`IS NULL`, `IS NOT NULL`, `IS DISTINCT FROM`, `IS NOT DISTINCT FROM`"),
    ("", "`IN ('a', 'b')`, `NOT IN ('a', 'b')`, `IN (SELECT …)`, `EXISTS (SELECT 1 …)`, `NOT EXISTS (…)`"),
    (
        "Values",
        f"columns, `'texts'`, whole numbers of at most {MAX_DIGITS} digits, `:today`, `:parameters` of the package",
    ),
    ("", "`+` `-` `*` and minus in front, `CASE`, `COALESCE`"),
    (
        "Groups",
        "`GROUP BY` columns, `HAVING`; `COUNT(*)` `COUNT(x)` `COUNT(DISTINCT x)` `SUM` `MIN` `MAX`, with `FILTER`",
    ),
    ("", "`AVG` as a column of the outermost `SELECT`"),
    ("Windows", "`ROW_NUMBER` `RANK` `LAG` `LEAD` `SUM` `COUNT` `MIN` `MAX` with `OVER (PARTITION BY … ORDER BY …)`"),
    ("Order", "`ORDER BY` result columns at the very end, with `ASC` or `DESC`, `NULLS FIRST` or `NULLS LAST`"),
)

_HEAD = """\
# The SQL subset for rules and indicators

This page is written by `python -m tovholder.rules.reference` from the checker's own lists; do not edit it.

A rule or an indicator is one `SELECT` over [facts](facts.md). The same text runs on SQLite, DuckDB, PostgreSQL and
Spark, for one patient, a clinic or everyone, and gives the same rows. So only what every engine reads alike is allowed,
and everything else is refused with the line, the reason and what to write instead.

Three types exist: text (codes and ids), whole number (days since 1970-01-01 in Copenhagen, thousandths, flags 0 and 1)
and, as a result of `AVG` only, fraction. A whole number stays within 64 bits; multiply days, counts and thousandths,
not products of products.

The scope (one patient, some patients, a clinic, everyone) is added by the system to every fact and cannot be left out
or widened. `organization` and `period` belong to no patient and are read whole.
"""

_WINDOWS = """\
## Order that leaves no ties

A window's `ORDER BY` must tell the rows of every table in `FROM` apart, together with `PARTITION BY`. Mostly that means
the table's own id last: `ORDER BY a.start_day DESC NULLS LAST, a.appointment_id`. A table that is joined by its key
needs nothing more, nor does a column that `WHERE` sets equal to another or to a fixed value. A CTE is told apart by its
`GROUP BY` columns, otherwise by what its tables are told apart by, otherwise by all its columns.
"""


def _columns(title: str, columns: dict[str, str]) -> str:
    names = ", ".join(f"`{name}` ({'text' if kind == 'text' else 'whole number'})" for name, kind in columns.items())
    return f"- {title}: {names}\n"


def _refusal(refusal: Refusal) -> str:
    lines = [f"### {refusal.code}", "", f"{refusal.why}", "", f"Write instead: {_plain(refusal.instead)}."]
    words = [name.replace("_", " ") for name in refusal.tokens if name.replace("_", "").isalpha()]
    if refusal.functions:
        lines += ["", "Functions: " + ", ".join(f"`{name}`" for name in refusal.functions)]
    elif words and refusal.code in ("statement", "limit", "join", "set-operation", "date"):
        lines += ["", "Words: " + ", ".join(f"`{word}`" for word in words if word != "COMMAND")]
    if refusal.example:
        lines += ["", "```sql", refusal.example, "```"]
    return "\n".join(lines) + "\n"


def _plain(text: str) -> str:
    # What is filled in when the refusal is told.
    for name in ("found", "valid", "logical", "example", "relations"):
        text = text.replace("{" + name + "}", "…")
    return text


def page() -> str:
    """The whole page."""
    table = "".join(f"| {title} | {text} |\n" for title, text in _ALLOWED)
    parts = [
        _HEAD,
        f"## What may be written\n\n| | |\n| --- | --- |\n{table}",
        f"Functions, all of them: {', '.join(f'`{name}`' for name in FUNCTIONS)}.\n",
        "## What must come out\n\n"
        + _columns("a flag rule, one row per patient and episode", dict(FLAG_COLUMNS))
        + _columns("an indicator, one row per episode and period", dict(INDICATOR_COLUMNS))
        + "- more columns may follow; each has a name of its own\n",
        _WINDOWS,
        "## What is refused, and what to write instead\n\nEach example is refused for the reason above it.\n",
        *(_refusal(refusal) for refusal in refusals().values()),
    ]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")
