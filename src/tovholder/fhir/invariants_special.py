"""The R4 invariants that are written by hand: walks of a whole resource, comparisons of dates, and expressions R4 got wrong.

Each function tells whether a rule is broken, given a value whose structure is sound and the ``Scope`` it stands in. What R4
leaves open (two dates of different precision, quantities of different units) is no breach.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tovholder.fhir.fhirpath_values import Unsupported, compare

Object = dict[str, Any]
_REFERRED_TYPE = re.compile(
    r"(?:.*/)?([A-Z][A-Za-z]+)/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII
)


class Scope:
    """Where a value stands: ``resource`` is the resource it is part of, ``root`` the one that contains that (or the same)."""

    __slots__ = ("_contained", "resource", "root")

    def __init__(self, resource: Object, root: Scope | None = None) -> None:
        self.resource = resource
        self.root = self if root is None else root
        self._contained: dict[str, str] | None = None

    def contained(self) -> dict[str, str]:
        """The ids of the resources contained in the root, with the type of each."""
        found = self.root._contained
        if found is None:
            listed = self.root.resource.get("contained")
            found = {
                one["id"]: one.get("resourceType", "")
                for one in (listed if isinstance(listed, list) else ())
                if isinstance(one, dict) and isinstance(one.get("id"), str)
            }
            self.root._contained = found
        return found


Broken = Callable[[Any, Scope], bool]


def _never(o: Any, scope: Scope) -> bool:
    """What the structure already refuses, or what R4's own expression never finds."""
    return False


def _repeated(values: Iterable[Any]) -> bool:
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            return True
        seen.add(value)
    return False


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


def _number(text: Any) -> int | None:
    return int(text) if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19 else None


def _eld_2(o: Object, scope: Scope) -> bool:
    most = _number(o.get("max"))
    return most is not None and "min" in o and bool(o["min"] > most)


def _eld_3(value: Any, scope: Scope) -> bool:
    return value is not None and value != "*" and _number(value) is None


def _eld_11(o: Object, scope: Scope) -> bool:
    """Binding can only be present for coded elements, string, and uri."""
    if "binding" not in o:
        return False
    kinds = [kind["code"] for kind in o.get("type", ()) if "code" in kind]
    coded = {"code", "Coding", "CodeableConcept", "Quantity", "string", "uri"}
    return bool(kinds) and coded.isdisjoint(kinds)


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
    return _repeated(
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


def _cpb_7(o: Object, scope: Scope) -> bool:
    return _repeated(
        (one["profile"], one["mode"]) for one in o.get("document", ()) if "profile" in one and "mode" in one
    )


def _once(name: str, key: str) -> Broken:
    """No two of the list ``name`` have the same ``key``."""
    return lambda o, scope: _repeated(one[key] for one in o.get(name, ()) if key in one)


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


def _csd_1(o: Object, scope: Scope) -> bool:
    return _repeated(concept["code"] for top in o.get("concept", ()) for concept in _concepts(top) if "code" in concept)


def _concepts(top: Object) -> Iterator[Object]:
    waiting = [top]
    while waiting:
        one = waiting.pop()
        yield one
        waiting.extend(one.get("concept", ()))


def _con_3(o: Object, scope: Scope) -> bool:
    """R4 compares a CodeableConcept with a text, which is never equal; meant are problem-list items."""
    if "clinicalStatus" in o or _coded(o.get("verificationStatus"), "entered-in-error"):
        return False
    return any(_coded(category, "problem-list-item") for category in o.get("category", ()))


def _coded(concept: Object | None, code: str) -> bool:
    return bool(concept) and any(coding.get("code") == code for coding in (concept or {}).get("coding", ()))


def _ig_1(o: Object, scope: Scope) -> bool:
    groups = {group.get("id") for group in o.get("grouping", ())}
    return any("groupingId" in one and one["groupingId"] not in groups for one in o.get("resource", ()))


def _ig_2(o: Object, scope: Scope) -> bool:
    versions = set(o.get("fhirVersion", ()))
    return any(
        version not in versions
        for one in o.get("definition", {}).get("resource", ())
        for version in one.get("fhirVersion", ())
    )


def _md_1(o: Object, scope: Scope) -> bool:
    most = o.get("max")
    return most is not None and most != "*" and (_number(most) or 0) < 1


def _nsd_2(o: Object, scope: Scope) -> bool:
    return _repeated(one["type"] for one in o.get("uniqueId", ()) if one.get("preferred") is True and "type" in one)


def _obs_7(o: Object, scope: Scope) -> bool:
    """An observation with a value has no component of the same code."""
    components = o.get("component")
    if not components or not any(name.startswith(("value", "_value")) for name in o):
        return False
    own = o["code"].get("coding", ()) if "code" in o else ()
    return any(coding in own for component in components for coding in component.get("code", {}).get("coding", ()))


def _home(o: Object, scope: Scope) -> bool:
    return o.get("use") == "home"


def _que_2(o: Object, scope: Scope) -> bool:
    return _repeated(one["linkId"] for one in _walk(o) if isinstance(one.get("linkId"), str))


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


def _elements(o: Object, *views: str) -> Iterator[Object]:
    for view in views:
        yield from o.get(view, {}).get("element", ())


def _first_element(o: Object, view: str) -> Object:
    return next(_elements(o, view), {})


def _sdf_1(o: Object, scope: Scope) -> bool:
    return o.get("derivation", "constraint") != "constraint" and _repeated(
        one["path"] for one in _elements(o, "snapshot") if "path" in one
    )


def _sdf_8(o: Object, scope: Scope) -> bool:
    owner, elements = scope.resource, o.get("element", ())
    if not elements:
        return False
    first = elements[0].get("path", "")
    if owner.get("kind") != "logical" and "type" in owner and first != owner["type"]:
        return True
    return any(not one.get("path", "").startswith(f"{first}.") for one in elements[1:])


def _sdf_8a(o: Object, scope: Scope) -> bool:
    owner, elements = scope.resource, o.get("element", ())
    if not elements:
        return False
    first = elements[0].get("path", "")
    if owner.get("kind") != "logical" and "type" in owner and not first.startswith(owner["type"]):
        return True
    return any(not one.get("path", "").startswith(first.partition(".")[0] + ".") for one in elements[1:])


def _sdf_9(o: Object, scope: Scope) -> bool:
    return any(
        "." not in one.get("path", ".") and not {"label", "code", "requirements"}.isdisjoint(one)
        for one in _elements(o, "snapshot", "differential")
    )


def _sdf_11(o: Object, scope: Scope) -> bool:
    if o.get("kind", "logical") == "logical" or "snapshot" not in o or "type" not in o:
        return False
    first = _first_element(o, "snapshot").get("path")
    return first is not None and first != o["type"]


def _sdf_15(o: Object, scope: Scope) -> bool:
    return o.get("kind", "logical") != "logical" and "type" in _first_element(o, "snapshot")


def _sdf_15a(o: Object, scope: Scope) -> bool:
    first = _first_element(o, "differential")
    return o.get("kind", "logical") != "logical" and "." not in first.get("path", ".") and "type" in first


def _element_ids(view: str) -> Broken:
    """Every element of a view has an id, and no two the same."""

    def broken(o: Object, scope: Scope) -> bool:
        ids = [one.get("id") for one in _elements(o, view)]
        return None in ids or _repeated(ids)

    return broken


def _sdf_23(o: Object, scope: Scope) -> bool:
    return any(
        "." not in one.get("path", ".") and "sliceName" in one for one in _elements(o, "snapshot", "differential")
    )


# By key; where two types use one key for different rules, by key and path.
SPECIAL: dict[str, Broken] = {
    "bdl-7": _bdl_7,
    "bdl-11": _opens_with("document", "Composition"),
    "bdl-12": _opens_with("message", "MessageHeader"),
    "cid-0": _never,
    "cnt-3": _cnt_3,
    "con-3": _con_3,
    "cpb-7": _cpb_7,
    "cpb-9": _once("resource", "type"),
    "cpb-12": _once("searchParam", "name"),
    "csd-1": _csd_1,
    "ctm-1": _ctm_1,
    "dom-2": _dom_2,
    "dom-3": _dom_3,
    "eld-2": _eld_2,
    "eld-3": _eld_3,
    "eld-11": _eld_11,
    "eld-13": _once("type", "code"),
    "eld-14": _once("constraint", "key"),
    "evv-1": _never,
    "ig-1": _ig_1,
    "ig-2": _ig_2,
    "inv-1@Task": lambda o, scope: _after(o.get("authoredOn"), o.get("lastModified")),
    "md-1": _md_1,
    "mdd-1": lambda o, scope: _after(o.get("whenPrepared"), o.get("whenHandedOver")),
    "nsd-2": _nsd_2,
    "obs-7": _obs_7,
    "org-2": _home,
    "org-3": _home,
    "per-1": _per_1,
    "que-2": _que_2,
    "ras-1": _ras_1,
    "ras-2": _ras_2,
    "ref-1": _ref_1,
    "rng-2": _rng_2,
    "sdf-1": _sdf_1,
    "sdf-8": _sdf_8,
    "sdf-8a": _sdf_8a,
    "sdf-9": _sdf_9,
    "sdf-11": _sdf_11,
    "sdf-15": _sdf_15,
    "sdf-15a": _sdf_15a,
    "sdf-16": _element_ids("snapshot"),
    "sdf-17": _element_ids("differential"),
    "sdf-23": _sdf_23,
    "sqty-1": _never,
    "tim-9": _tim_9,
}
