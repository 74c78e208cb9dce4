"""ValueSet $expand and $validate-code, CodeSystem $lookup and $validate-code over what the record and the program hold.

http://hl7.org/fhir/R4/terminology-service.html. Answers come from the CodeSystem and ValueSet resources in the record that
the caller may read, then from those that come with the program.
"""

from __future__ import annotations

from typing import Any

from tovholder import store
from tovholder.api.operations.call import Call
from tovholder.api.operations.parameters import Parameters, outgoing, wrong
from tovholder.base.errors import Category, Issue, Problem
from tovholder.fhir.terminology import Resource, Terminology, Validated, absent, split
from tovholder.fhir.terminology_expand import Wish, expand
from tovholder.fhir.terminology_systems import CodeSystem, Concept
from tovholder.fhir.validate import validate
from tovholder.store.terminology import of_record

_CODE = ("url", "code", "display", "coding", "codeableConcept", "date", "abstract", "displayLanguage")
_EXPAND = (
    "url", "valueSet", "valueSetVersion", "filter", "date", "offset", "count", "includeDesignations", "activeOnly",
    "excludeNested", "displayLanguage",
)  # fmt: skip


# --- $expand ---------------------------------------------------------------------------------------------------------


def expand_value_set(call: Call) -> Resource:
    """ValueSet/$expand and ValueSet/[id]/$expand."""
    params = call.params
    params.require_known((*_EXPAND, "resource") if params.body is not None else _EXPAND)
    wish = Wish(
        params.text("filter") or "",
        params.number("offset") or 0,
        params.number("count"),
        params.text("displayLanguage") or "",
        params.flag("includeDesignations"),
        params.flag("activeOnly"),
    )
    value_set = _subject(call, "ValueSet", "valueSet", params.text("valueSetVersion") or "")
    stamp = call.ctx.now.isoformat(timespec="seconds")
    return expand(of_record(call.ctx), value_set, wish, timestamp=stamp)


def _subject(call: Call, kind: str, name: str, version: str) -> Resource | str:
    """The resource an operation is about: the one in the path, the one that was sent, or the url of one."""
    if call.rid:
        return store.read(call.ctx, kind, call.rid).resource
    found = _sent(call.params, kind, name)
    if found is not None:
        return found
    url = call.params.text("url")
    if not url:
        raise wrong("url", "missing", f"the canonical url of a {kind}, or the {kind} itself as {name}")
    return f"{url}|{version}" if version and "|" not in url else url


def _sent(params: Parameters, kind: str, name: str) -> Resource | None:
    found = params.resource(name)
    if found is None:
        return None
    if found.get("resourceType") != kind:
        raise wrong(name, "another resource", f"a {kind}")
    issues = validate(found)
    if issues:
        raise Problem(Category.INVALID, f"The {kind} is not valid FHIR R4", issues, kept="nothing was stored")
    return found


# --- $validate-code --------------------------------------------------------------------------------------------------


def validate_in_value_set(call: Call) -> Resource:
    """ValueSet/$validate-code and ValueSet/[id]/$validate-code."""
    params = call.params
    params.require_known((*_CODE, "valueSet", "valueSetVersion", "system", "systemVersion"))
    value_set = _subject(call, "ValueSet", "valueSet", params.text("valueSetVersion") or "")
    terminology = of_record(call.ctx)
    if isinstance(value_set, str) and terminology.value_set(value_set, strict=True) is None:
        raise absent("ValueSet", value_set)
    return _validated(params, terminology, value_set, params.text("system"))


def validate_in_code_system(call: Call) -> Resource:
    """CodeSystem/$validate-code and CodeSystem/[id]/$validate-code."""
    params = call.params
    params.require_known((*_CODE, "codeSystem", "version"))
    terminology = of_record(call.ctx)
    sent = None
    if call.rid or params.resource("codeSystem") is not None:
        sent = _subject(call, "CodeSystem", "codeSystem", "")
    if isinstance(sent, dict):
        url = str(sent.get("url", ""))
        given = sent
        return _validated(params, Terminology(lambda kind, name, version: given if name == url else None), None, url)
    url = params.text("url") or ""
    coded = params.one("coding") or params.one("codeableConcept")
    if not url and coded is None:
        raise wrong("url", "missing", "the url of a CodeSystem, or a coding that names it")
    if url and terminology.system(*_versioned(url, params.text("version"))) is None:
        raise absent("CodeSystem", url)
    return _validated(params, terminology, None, url or None)


def _versioned(url: str, version: str | None) -> tuple[str, str]:
    name, named = split(url)
    return name, version or named


def _validated(
    params: Parameters, terminology: Terminology, value_set: Resource | str | None, system: str | None
) -> Resource:
    answers = [
        terminology.validate_code(
            code,
            named or system,
            value_set=value_set,
            display=display,
            abstract=params.flag("abstract"),
            language=params.text("displayLanguage") or "",
        )
        for code, named, display in _codings(params, system)
    ]
    best = next((one for one in answers if one.result), None) or next(
        (one for one in answers if one.result is None), None
    )
    best = best or (answers[0] if answers else Validated(False, "There is no code to validate"))
    if best.result is None:
        raise Problem(
            Category.RULE,
            "The code cannot be validated here",
            [Issue("code", best.message, "a code of a system that is at hand", "not-supported")],
            kept="nothing was changed",
        )
    return outgoing(
        {"name": "result", "valueBoolean": best.result},
        {"name": "message", "valueString": best.message} if best.message else None,
        {"name": "display", "valueString": best.display} if best.display else None,
    )


def _codings(params: Parameters, system: str | None) -> list[tuple[str, str | None, str]]:
    """(code, system, display) of each code asked about. Raises Problem unless exactly one form is used."""
    code, coding, concept = params.text("code"), params.one("coding"), params.one("codeableConcept")
    if sum(given is not None for given in (code, coding, concept)) != 1:
        raise wrong("code", "missing, or given in more than one form", "one of code, coding and codeableConcept")
    if code is not None:
        return [(code, system, params.text("display") or "")]
    told = coding or concept
    assert told is not None
    value = told.value
    if coding is not None and isinstance(value, str):  # in a query string: system|code
        named, _, text = value.rpartition("|")
        return [(text, named, "")]
    if not isinstance(value, dict):
        raise wrong(told.name, "not readable", "a Coding" if coding else "a CodeableConcept")
    items = [value] if coding is not None else value.get("coding", [])
    if not isinstance(items, list):
        raise wrong(told.name, "not readable", "a CodeableConcept")
    # A coding without a system says of no system which code it is.
    return [
        (item["code"], str(item.get("system", "")), str(item.get("display", "")))
        for item in items
        if isinstance(item, dict) and isinstance(item.get("code"), str)
    ]


# --- $lookup ---------------------------------------------------------------------------------------------------------


def lookup(call: Call) -> Resource:
    """CodeSystem/$lookup."""
    params = call.params
    params.require_known(("code", "system", "version", "coding", "date", "displayLanguage", "property"))
    asked = _codings(params, params.text("system"))
    code, system, _ = asked[0] if asked else ("", None, "")
    if not system:
        raise wrong("system", "missing", "the url of a CodeSystem")
    held, concept = of_record(call.ctx).lookup(system, code, params.text("version") or "")
    language = params.text("displayLanguage") or ""
    return outgoing(
        {"name": "name", "valueString": held.name},
        {"name": "version", "valueString": held.version} if held.version else None,
        {"name": "display", "valueString": concept.display_in(language) or concept.code},
        *(_designation(one) for one in concept.designations),
        *_properties(held, concept, frozenset(params.texts("property"))),
    )


def _designation(told: dict[str, Any]) -> dict[str, Any]:
    parts: list[dict[str, Any]] = []
    if "language" in told:
        parts.append({"name": "language", "valueCode": told["language"]})
    if "use" in told:
        parts.append({"name": "use", "valueCoding": told["use"]})
    parts.append({"name": "value", "valueString": str(told.get("value", ""))})
    return {"name": "designation", "part": parts}


def _properties(held: CodeSystem, concept: Concept, wanted: frozenset[str]) -> list[dict[str, Any]]:
    found: list[tuple[str, dict[str, Any]]] = []
    if concept.definition:
        found.append(("definition", {"valueString": concept.definition}))
    found.append(("inactive", {"valueBoolean": concept.inactive}))
    found.extend(("parent", {"valueCode": code}) for code in concept.parents)
    found.extend(("child", {"valueCode": code}) for code in concept.children)
    for item in concept.properties:
        value = {key: content for key, content in item.items() if key.startswith("value")}
        if item.get("code") not in ("parent", "child", "inactive"):
            found.append((str(item.get("code")), value))
    return [
        {"name": "property", "part": [{"name": "code", "valueCode": name}, {"name": "value", **value}]}
        for name, value in found
        if not wanted or name in wanted
    ]
