"""What every resource can be asked: _id, _lastUpdated, and :missing of any parameter (R4 §3.1.1.4.1, §3.1.1.4.4)."""

from __future__ import annotations

from tovholder.fhir.searchparams import SearchParameter
from tovholder.store.params import date
from tovholder.store.params.asked import Asked, plain
from tovholder.store.params.terms import Ids, Not, Own, Sql, Term, among, either

TABLES = {
    "token": "store_token",
    "date": "store_date",
    "string": "store_string",
    "reference": "store_reference",
    "uri": "store_uri",
    "quantity": "store_quantity",
    "number": "store_quantity",
    "composite": "store_composite",
}
ID = SearchParameter("_id", "token", "", (), "The resource's own id", single=True)
LAST_UPDATED = SearchParameter("_lastUpdated", "date", "", (), "When this version was stored", single=True)
EVERYWHERE = {"_id": ID, "_lastUpdated": LAST_UPDATED}


def ids(asked: Asked) -> Term:
    """Resources with one of the ids; ``:not``: with none of them."""
    asked.without("not")
    found = among("{r}.rid", [plain(value) for value in asked.values])
    listed = Sql(
        f"SELECT x.key FROM store_resource AS x WHERE x.type = %s AND {found.text.replace('{r}', 'x')} AND NOT x.deleted",
        (asked.kind, *found.values),
    )
    term = Ids(found.text, found.values, listed)
    return Not(asked.kind, term) if asked.modifier == "not" else term


def last_updated(asked: Asked) -> Term:
    """Resources last stored in one of the ranges."""
    return date.updated(asked)


def missing(asked: Asked) -> Term:
    """``:missing=true``: resources that have no value for the parameter; ``false``: that have one."""
    if asked.values not in (("true",), ("false",)):
        asked.refuse("neither true nor false", "true or false")
    present: Term
    if asked.parameter.name in EVERYWHERE:
        present = Own("{r}.key IS NOT NULL")
    elif not asked.parameter.expression:  # known of the resource alone
        present = Own("{r}.patient_id IS NOT NULL")
    else:
        found = [asked.rows(TABLES[asked.parameter.kind], [Sql("")])]
        if asked.parameter.kind == "reference" and not asked.parameter.only:  # told by identifier alone is told
            found.append(asked.rows("store_token", [Sql("")], suffix=":identifier"))
        present = either(found)
    return Not(asked.kind, present) if asked.values == ("true",) else present
