"""The R4 invariants that are written by hand: walks of a whole resource, comparisons of dates, and expressions R4 got wrong.

Each function tells whether a rule is broken, given a value whose structure is sound and the ``Scope`` it stands in. What R4
leaves open (two dates of different precision, quantities of different units) is no breach.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tovholder.fhir.fhirpath_values import Unsupported, compare
from tovholder.fhir.invariants_conformance import CONFORMANCE
from tovholder.fhir.invariants_scope import Broken, Object, Scope, never, repeated

_REFERRED_TYPE = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII
)


def _after(one: Any, other: Any) -> bool:
    """Whether one date is certainly later than another."""
    if not isinstance(one, str) or not isinstance(other, str):
        return False
    # Same length and same zone: the order of the texts is the order of time.
    if len(one) == len(other) and (len(one) <= 10 or one[-6:] == other[-6:] or (one[-1] == "Z" == other[-1])):
        return one > other
    try:
        return compare(one, other) == 1
    except Unsupported:
        return False


def _walk(value: Any) -> Iterator[Object]:
    """Every object below a value, itself included."""
    waiting = [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            yield one
            waiting.extend(child for child in one.values() if isinstance(child, dict | list))
        elif isinstance(one, list):
            waiting.extend(child for child in one if isinstance(child, dict | list))


def _fragments(value: Any) -> set[str]:
    """Every text below a value that starts with "#", as a reference or canonical to a contained resource does."""
    found: set[str] = set()
    for one in _walk(value):
        for child in one.values():
            for text in child if isinstance(child, list) else (child,):
                if isinstance(text, str) and text[:1] == "#":
                    found.add(text)
    return found


def _dom_2(o: Object, scope: Scope) -> bool:
    return any("contained" in one for one in o.get("contained", ()))


def _dom_3(o: Object, scope: Scope) -> bool:
    """Each contained resource is referred to, or refers to its container (R4 references.html#contained)."""
    listed = o.get("contained")
    if not listed:
        return False
    named = _fragments(o)
    return any(f"#{one.get('id', '')}" not in named and "#" not in _fragments(one) for one in listed)


def _per_1(o: Object, scope: Scope) -> bool:
    return "start" in o and "end" in o and _after(o["start"], o["end"])


def _rng_2(o: Object, scope: Scope) -> bool:
    low, high = o.get("low"), o.get("high")
    if not low or not high:
        return False
    if (low.get("system"), low.get("code")) != (high.get("system"), high.get("code")):
        return False
    if "code" not in low and low.get("unit") != high.get("unit"):
        return False
    one, other = low.get("value"), high.get("value")
    return one is not None and other is not None and bool(one > other)


def _ref_1(o: Object, scope: Scope) -> bool:
    reference = o.get("reference")
    if reference is None or reference[0] != "#":
        return False
    # "#" alone is the container itself (R4 references.html#contained).
    return reference != "#" and reference[1:] not in scope.contained()


def _cnt_3(o: Object, scope: Scope) -> bool:
    if "value" in o and ("code" not in o and "_code" not in o):
        return True
    if o.get("system", "http://unitsofmeasure.org") != "http://unitsofmeasure.org" or o.get("code", "1") != "1":
        return True
    value = o.get("value")
    return value is not None and "." in getattr(value, "text", str(value))


def _tim_9(o: Object, scope: Scope) -> bool:
    if "offset" not in o and "_offset" not in o:
        return False
    when = o.get("when")
    if not when:
        return "_when" not in o
    return not {"C", "CM", "CD", "CV"}.isdisjoint(when)


def _bdl_7(o: Object, scope: Scope) -> bool:
    if o.get("type") == "history":
        return False
    return repeated(
        (entry["fullUrl"], entry.get("resource", {}).get("meta", {}).get("versionId", ""))
        for entry in o.get("entry", ())
        if "fullUrl" in entry
    )


def _opens_with(kind: str, first: str) -> Broken:
    def broken(o: Object, scope: Scope) -> bool:
        if o.get("type") != kind or not o.get("entry"):
            return False
        resource = o["entry"][0].get("resource")
        return resource is not None and resource.get("resourceType") != first

    return broken


def _ctm_1(o: Object, scope: Scope) -> bool:
    """Only a practitioner is a member on behalf of somebody: told by the reference, since nothing is fetched to validate."""
    member = o.get("member")
    if "onBehalfOf" not in o or not member:
        return False
    reference = member.get("reference", "")
    if reference.startswith("#"):
        named = scope.contained().get(reference[1:])
    else:
        match = _REFERRED_TYPE.fullmatch(reference)
        named = match[1] if match else None
    return named is not None and named != "Practitioner"


def _con_3(o: Object, scope: Scope) -> bool:
    """R4 compares a CodeableConcept with a text, which is never equal; meant are problem-list items."""
    if "clinicalStatus" in o or _coded(o.get("verificationStatus"), "entered-in-error"):
        return False
    return any(_coded(category, "problem-list-item") for category in o.get("category", ()))


def _coded(concept: Object | None, code: str) -> bool:
    return bool(concept) and any(coding.get("code") == code for coding in (concept or {}).get("coding", ()))


def _obs_7(o: Object, scope: Scope) -> bool:
    """An observation with a value has no component of the same code."""
    components = o.get("component")
    if not components or not any(name.startswith(("value", "_value")) for name in o):
        return False
    own = {_known(coding) for coding in o.get("code", {}).get("coding", ())}
    return any(
        _known(coding) in own for component in components for coding in component.get("code", {}).get("coding", ())
    )


def _known(coding: Object) -> frozenset[tuple[str, Any]]:
    """A coding as something to look up: a hostile observation has thousands, and each would be compared with each."""
    return frozenset((name, value if isinstance(value, str | bool) else repr(value)) for name, value in coding.items())


def _home(o: Object, scope: Scope) -> bool:
    return o.get("use") == "home"


def _que_2(o: Object, scope: Scope) -> bool:
    return repeated(one["linkId"] for one in _walk(o) if isinstance(one.get("linkId"), str))


def _ras_1(value: Any, scope: Scope) -> bool:
    if not isinstance(value, dict):
        return False
    ends = [value[name] for name in ("low", "high") if name in value]
    return any(
        end.get("code", "%") != "%" or end.get("system", "http://unitsofmeasure.org") != "http://unitsofmeasure.org"
        for end in ends
    )


def _ras_2(o: Object, scope: Scope) -> bool:
    return bool(o.get("probabilityDecimal", 0) > 100)


# By key; where two types use one key for different rules, by key and path.
SPECIAL: dict[str, Broken] = CONFORMANCE | {
    "bdl-7": _bdl_7,
    "bdl-11": _opens_with("document", "Composition"),
    "bdl-12": _opens_with("message", "MessageHeader"),
    "cnt-3": _cnt_3,
    "con-3": _con_3,
    "ctm-1": _ctm_1,
    "dom-2": _dom_2,
    "dom-3": _dom_3,
    "inv-1@Task": lambda o, scope: _after(o.get("authoredOn"), o.get("lastModified")),
    "mdd-1": lambda o, scope: _after(o.get("whenPrepared"), o.get("whenHandedOver")),
    "obs-7": _obs_7,
    "org-2": _home,
    "org-3": _home,
    "per-1": _per_1,
    "que-2": _que_2,
    "ras-1": _ras_1,
    "ras-2": _ras_2,
    "ref-1": _ref_1,
    "rng-2": _rng_2,
    "sqty-1": never,
    "tim-9": _tim_9,
}
