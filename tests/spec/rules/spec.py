"""How a specification of the rule language is written: small tables, one query, the rows it must give everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lib.factdb import FactDB, in_order

TODAY = 20000


@dataclass(frozen=True)
class Spec:
    """One sentence about the language. ``gives``: a line of columns, then rows; an empty cell is NULL."""

    says: str
    facts: str
    sql: str
    gives: str
    parameters: dict[str, int | str] = field(default_factory=dict)

    def check(self, db: FactDB) -> None:
        """Run it on every engine at hand."""
        db.load(self.facts)
        checked = db.check(self.sql, self.parameters)
        header, *lines = [line.strip() for line in self.gives.strip().splitlines()]
        assert [cell.strip() for cell in header.split("|")] == [name for name, _ in checked.columns]
        kinds = [kind for _, kind in checked.columns]
        wanted = [
            tuple(_value(cell.strip(), kind) for cell, kind in zip(line.split("|"), kinds, strict=True))
            for line in lines
        ]
        assert db.rows(checked, today=TODAY, **self.parameters) == in_order(wanted)


def _value(text: str, kind: str) -> Any:
    if text == "":
        return None
    return {"int": int, "real": float, "text": str}[kind](text)
