"""What resources say happened: one entry or more of each, named by the packages that know it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tovholder import packages
from tovholder.base import days
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference
from tovholder.packages import Package
from tovholder.packages import common as packages_common
from tovholder.plan import resources
from tovholder.plan.record import written
from tovholder.plan.resources import extensions as e
from tovholder.plan.values import Episode

Resource = Mapping[str, Any]
Text = Mapping[str, str]  # {"da": …, "en": …}


class Kind(StrEnum):
    """What an entry tells of; the page filters by it."""

    DIAGNOSIS = "diagnosis"
    COURSE = "course"
    APPOINTMENT = "appointment"
    RESULT = "result"
    FORM = "form"
    REFERRAL = "referral"
    ATTEMPT = "attempt"
    LEVEL = "level"
    PLAN = "plan"
    ADMISSION = "admission"
    CONTACT = "contact"


ADMISSIONS = frozenset({"IMP", "ACUTE", "NONAC", "EMER", "SS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened. ``day`` None: nobody told when; ``written``: as much of the date as was told.

    ``what``: a code of ours the page has words for, or "" when ``title`` says it. ``source``: the organisation it comes
    from, as a reference; "" when the record does not say. ``ahead``: agreed for later.
    """

    kind: Kind
    reference: str
    day: int | None
    written: str = ""
    packages: tuple[str, ...] = ()
    title: Text | None = None
    what: str = ""
    detail: str = ""
    status: str = ""
    source: str = ""


class Namer:
    """Which package something belongs to, and what the packages call it."""

    def __init__(self, episodes: Mapping[str, Episode]) -> None:
        self.episodes = episodes
        held = dict.fromkeys(item.package for item in episodes.values())
        self.packages: tuple[Package, ...] = tuple(
            found for name in held if (found := packages.builtin().get(name)) is not None
        )
        self._measures: dict[tuple[str, str], list[tuple[Package, Text]]] = {}
        self._yes_no: set[tuple[str, str]] = set()
        for package in self.packages:
            for asked in package.level.inputs:
                for source in asked.sources:
                    for system in source.systems:
                        named = self._measures.setdefault((system, source.code), [])
                        if all(other is not package for other, _ in named):
                            named.append((package, _both(asked.title)))
                        if (asked.minimum, asked.maximum) == (0, 1):
                            self._yes_no.add((system, source.code))

    def of_episode(self, resource: Resource) -> tuple[str, ...]:
        """The package of the course a resource names."""
        found = self.episodes.get(e.episode_id(resource) or "")
        return (found.package,) if found else ()

    def kinds(self, kind: str) -> tuple[str, ...]:
        """The packages that know a kind of appointment or activity."""
        return tuple(item.id for item in self.packages if item.kind_title(kind, "da") != kind)

    def kind_title(self, kind: str, stored: str) -> Text:
        """What a kind is called by the first package that knows it."""
        for item in self.packages:
            if item.kind_title(kind, "da") != kind:
                return {"da": stored or item.kind_title(kind, "da"), "en": item.kind_title(kind, "en")}
        return _same(stored or kind)

    def measured(self, codings: Iterable[tuple[str, str]]) -> tuple[tuple[str, ...], Text | None]:
        """The packages that ask about a measurement, and what the first calls it."""
        for coding in codings:
            if named := self._measures.get(coding):
                return tuple(package.id for package, _ in named), named[0][1]
        return (), None

    def is_yes_no(self, codings: Iterable[tuple[str, str]]) -> bool:
        """Whether a measurement can be 0 or 1 alone."""
        return not self._yes_no.isdisjoint(codings)

    def form(self, url: str) -> tuple[tuple[str, ...], Text | None]:
        """The packages a questionnaire belongs to, and its title."""
        for item in self.packages:
            for form in item.forms.values():
                if str(form.questionnaire.get("url")) == url:
                    return (item.id,), _both(form.titles)
        return (), None

    def diagnosis(self, codings: Iterable[tuple[str, str]]) -> tuple[str, ...]:
        """The packages a diagnosis counts for."""
        told = list(codings)
        return tuple(
            item.id
            for item in self.packages
            if any(
                system in asked.systems and (code == asked.code or (asked.children and code.startswith(asked.code)))
                for asked in item.inclusion.codes
                for system, code in told
            )
        )


def _both(text: packages_common.Text) -> Text:
    return {"da": text.da, "en": text.en}


def _same(text: str) -> Text:
    return {"da": text, "en": text}


def _codings(concept: Resource | None) -> list[tuple[str, str]]:
    return [(item.get("system") or "", item.get("code") or "") for item in (concept or {}).get("coding") or ()]


def _words(concept: Resource | None) -> str:
    held = concept or {}
    shown = next((item["display"] for item in held.get("coding") or () if item.get("display")), "")
    code = next((item["code"] for item in held.get("coding") or () if item.get("code")), "")
    return str(held.get("text") or shown or code)


def _organization(*candidates: object) -> str:
    """The first organisation (or person) among references or lists of them."""
    told: list[str] = []
    for item in candidates:
        for one in item if isinstance(item, list | tuple) else [item]:
            text = one.get("reference") if isinstance(one, Mapping) else one
            found = parse_reference(text) if isinstance(text, str) else None
            if found is not None and found.type in ("Organization", "Practitioner", "PractitionerRole"):
                told.append(f"{found.type}/{found.id}")
    return next((one for one in told if one.startswith("Organization/")), told[0] if told else "")


def _dated(text: object) -> dict[str, Any]:
    told = text if isinstance(text, str) else ""
    return {"day": days.parse_day(told), "written": told[:10]}


def _reference(resource: Resource) -> str:
    return f"{resource['resourceType']}/{resource.get('id', '')}"


def _diagnosis(resource: Resource, namer: Namer) -> Iterable[Entry]:
    coding = _codings(resource.get("code"))
    codes = ", ".join(dict.fromkeys(code for _, code in coding if code))
    title = _words(resource.get("code"))
    status = (_codings(resource.get("verificationStatus")) or [("", "")])[0][1]
    clinical = (_codings(resource.get("clinicalStatus")) or [("", "")])[0][1]
    yield Entry(
        kind=Kind.DIAGNOSIS,
        reference=_reference(resource),
        **_dated(resource.get("recordedDate") or resource.get("onsetDateTime")),
        packages=namer.diagnosis(coding),
        title=_same(title),
        detail=codes if codes != title else "",
        status=status if status in ("refuted", "provisional", "unconfirmed", "differential") else clinical,
        source=_organization(resource.get("recorder"), resource.get("asserter")),
    )


def _appointment(resource: Resource, namer: Namer) -> Iterable[Entry]:
    held = resources.read_appointment(resource)
    told = [item.get("actor") for item in resource.get("participant") or ()]
    yield Entry(
        kind=Kind.APPOINTMENT,
        reference=_reference(resource),
        day=None if held.start is None else days.day_of(held.start),
        packages=namer.of_episode(resource) or namer.kinds(held.kind),
        title=namer.kind_title(held.kind, held.title),
        detail=held.cancel_text,
        status="unknown" if held.outcome_unknown else held.status,
        source=f"Organization/{held.organization_id}" if held.organization_id else _organization(told),
    )


def _observation(resource: Resource, namer: Namer) -> Iterable[Entry]:
    if resources.is_decision(resource):
        decision = resources.read_decision(resource)
        if decision is not None:
            episode = namer.episodes.get(decision.episode_id)
            yield Entry(
                kind=Kind.LEVEL,
                reference=_reference(resource),
                day=decision.decided_day,
                packages=(episode.package,) if episode else (),
                what=f"level-{int(decision.level)}",
                detail=decision.override_reason or "",
                source=f"Organization/{decision.organization_id}" if decision.organization_id else decision.decided_by,
            )
        return
    by, title = namer.measured(_codings(resource.get("code")))
    period = resource.get("effectivePeriod") or {}
    at = resource.get("effectiveDateTime") or resource.get("effectiveInstant") or period.get("start")
    yield Entry(
        kind=Kind.RESULT,
        reference=_reference(resource),
        **_dated(at),
        packages=namer.of_episode(resource) or by,
        title=title or _same(_words(resource.get("code"))),
        what="yes-no" if namer.is_yes_no(_codings(resource.get("code"))) else "",
        detail=_value(resource),
        status=str(resource.get("status") or ""),
        source=_organization(resource.get("performer")),
    )


def _value(resource: Resource) -> str:
    quantity = resource.get("valueQuantity") or {}
    number = written(quantity.get("value", resource.get("valueInteger")))
    if number is not None:
        unit = str(quantity.get("unit") or quantity.get("code") or "")
        return f"{quantity.get('comparator') or ''}{number} {'' if unit == '1' else unit}".strip()
    if resource.get("valueCodeableConcept"):
        return _words(resource["valueCodeableConcept"])
    return str(resource.get("valueString") or "")


def _response(resource: Resource, namer: Namer) -> Iterable[Entry]:
    url = str(resource.get("questionnaire") or "").partition("|")[0]
    by, title = namer.form(url)
    author = str((resource.get("author") or resource.get("source") or {}).get("reference") or "")
    yield Entry(
        kind=Kind.FORM,
        reference=_reference(resource),
        **_dated(resource.get("authored")),
        packages=namer.of_episode(resource) or by,
        title=title or _same(url.rsplit("/", 1)[-1]),
        what="by-patient" if author.startswith("Patient/") else "",
        status=str(resource.get("status") or ""),
        source=_organization(author),
    )


def _referral(resource: Resource, namer: Namer) -> Iterable[Entry]:
    if not resources.is_referral(resource):
        return
    held = resources.read_referral(resource)
    title = _same(held.title or held.kind)
    by = namer.of_episode(resource)
    receiver = f"Organization/{held.receiver_id}" if held.receiver_id else ""
    common: dict[str, Any] = {"kind": Kind.REFERRAL, "reference": _reference(resource), "packages": by, "title": title}
    sent = days.parse_day(resource.get("authoredOn"))
    yield Entry(**common, day=sent, what="sent", source=receiver)
    for what, day in (
        ("accepted", held.accepted_day), ("started", held.started_day), ("completed", held.completed_day)
    ):  # fmt: skip
        if day is not None:
            yield Entry(**common, day=day, what=what, source=receiver)
    if held.status in ("rejected", "cancelled", "failed"):
        changed = days.parse_day(resource.get("lastModified"))
        yield Entry(**common, day=changed, what="stopped", detail=held.stop_text, source=receiver)


def _attempt(resource: Resource, namer: Namer) -> Iterable[Entry]:
    outcome = e.value(resource, systems.extension_url("outcome"))
    medium = next((code for one in resource.get("medium") or () for _, code in _codings(one)), "")
    told = next((item.get("contentString") for item in resource.get("payload") or ()), "")
    yield Entry(
        kind=Kind.ATTEMPT,
        reference=_reference(resource),
        **_dated(resource.get("sent")),
        packages=namer.of_episode(resource),
        what=str(medium).lower(),
        detail=str(told or ""),
        status=str(outcome or resource.get("status") or ""),
        source=_organization(resource.get("sender")),
    )


def _contact(resource: Resource, namer: Namer) -> Iterable[Entry]:
    kind = str((resource.get("class") or {}).get("code") or "")
    period = resource.get("period") or {}
    admission = kind in ADMISSIONS
    ended = days.parse_day(period.get("end"))
    yield Entry(
        kind=Kind.ADMISSION if admission else Kind.CONTACT,
        reference=_reference(resource),
        **_dated(period.get("start")),
        packages=namer.of_episode(resource),
        what=kind.lower() or "contact",
        title=_same(_words(item)) if (item := next(iter(resource.get("type") or ()), None)) else None,
        detail=days.iso(ended) if admission and ended is not None else "",
        status=str(resource.get("status") or ""),
        source=_organization(resource.get("serviceProvider")),
    )


TELLERS: Mapping[str, Callable[[Resource, Namer], Iterable[Entry]]] = {
    "Condition": _diagnosis,
    "Appointment": _appointment,
    "Observation": _observation,
    "QuestionnaireResponse": _response,
    "Task": _referral,
    "Communication": _attempt,
    "Encounter": _contact,
}
