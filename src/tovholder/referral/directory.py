"""Who can be referred to: organisations of a kind, where they are, what they offer, and how long one waits there.

An Organization says who and what kind; a Location its point on the map; a HealthcareService what is offered and how long
one waits, with the day that was told. All three come by the API or ``tovholder import`` like everything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from tovholder import store
from tovholder.access import Context
from tovholder.base import days
from tovholder.base.errors import Category, Problem
from tovholder.fhir import systems
from tovholder.fhir.references import parse_reference
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.referral import places
from tovholder.referral.places import Distance, Point

Order = Literal["near", "wait", "name"]
NEAREST = 40  # so many are looked up with place and waiting time
OLD_WAIT_DAYS = 30  # a waiting time told longer ago is shown as old


@dataclass(frozen=True, slots=True)
class Receiver:
    """One who can be referred to."""

    id: str
    name: str
    kind: str
    municipality: str | None
    place: str
    phone: str
    distance: Distance | None = None
    offers: bool | None = None  # the very service asked for; None: nobody has told what is offered
    service: str = ""
    waiting_days: int | None = None
    waiting_told: int | None = None  # the day the waiting time was told

    @property
    def municipality_name(self) -> str:
        """What its municipality is called."""
        return places.name_of(self.municipality) if self.municipality else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What is looked for. near: the patient's place, or the clinic's where that is not known."""

    kinds: tuple[str, ...]
    text: str = ""
    municipality: str = ""
    order: Order = "near"
    near: Point | None = None
    service: ReferralKind | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """Those who fit, best first, and how many there are of the kinds at all."""

    receivers: tuple[Receiver, ...]
    fitting: int
    of_kind: int


def find(ctx: Context, wish: Wish, *, limit: int = 8) -> Found:
    """Receivers as wished. The nearest by municipality are looked up with their own place and waiting time.

    Those who say they offer the very service come before those who say nothing, and those who say they do not come last;
    an unknown distance or waiting time comes after every known one: it is not known to be short.
    """
    token = ",".join(f"{systems.ORGANIZATION_KIND_SYSTEM}|{kind}" for kind in wish.kinds)
    entries = store.search_all(ctx, "Organization", [("type", token)])
    everybody = [_receiver(entry.resource, wish) for entry in entries if entry.resource.get("active") is not False]
    fitting = [one for one in everybody if _fits(one, wish)]
    first = sorted(fitting, key=_by_name if wish.near is None else _by_distance)[:NEAREST]
    looked_up = _with_places(ctx, first, wish)
    return Found(tuple(sorted(looked_up, key=_order(wish)))[:limit], len(fitting), len(everybody))


def one(ctx: Context, organization_id: str, wish: Wish) -> Receiver | None:
    """A receiver by id; None where there is none, it is closed, or it is of another kind."""
    try:
        resource = store.read(ctx, "Organization", organization_id).resource
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE, Category.INVALID):
            return None
        raise
    found = _receiver(resource, wish)
    if resource.get("active") is False or found.kind not in wish.kinds:
        return None
    return _with_places(ctx, [found], wish)[0]


def kind_of(organization: Mapping[str, Any]) -> str:
    """Which kind of receiver an organisation is; empty where it does not say."""
    for concept in organization.get("type") or ():
        for coding in concept.get("coding") or ():
            if coding.get("system") == systems.ORGANIZATION_KIND_SYSTEM and coding.get("code"):
                return str(coding["code"])
    return ""


def municipality_of(organization: Mapping[str, Any]) -> str | None:
    """The municipality an organisation lies in."""
    for extension in organization.get("extension") or ():
        if extension.get("url") == systems.extension_url("municipality") and extension.get("valueCode"):
            return str(extension["valueCode"])
    return next((code for held in organization.get("address") or () if (code := places.municipality_code(held))), None)


def near(patient: Mapping[str, Any], clinic: Mapping[str, Any]) -> Point | None:
    """Where distances are told from: the patient's municipality, else the clinic's; None where neither is known."""
    held = [item for item in patient.get("address") or () if item.get("use") != "old"]
    told = next((code for item in held if (code := places.municipality_code(item))), None)
    return places.of_municipality(told) or places.of_municipality(municipality_of(clinic))


def _receiver(resource: Mapping[str, Any], wish: Wish) -> Receiver:
    code = municipality_of(resource)
    address: Mapping[str, Any] = next(iter(resource.get("address") or ()), {})
    line = ", ".join(str(part) for part in address.get("line") or ())
    town = " ".join(str(address[key]) for key in ("postalCode", "city") if address.get(key))
    phones = (item.get("value") for item in resource.get("telecom") or () if item.get("system") == "phone")
    return Receiver(
        id=str(resource["id"]),
        name=str(resource.get("name") or ""),
        kind=kind_of(resource),
        municipality=code,
        place=", ".join(part for part in (line, town) if part),
        phone=str(next(phones, "") or ""),
        distance=places.distance(wish.near, places.of_municipality(code)),
    )


def _fits(held: Receiver, wish: Wish) -> bool:
    words = wish.text.casefold().split()
    told = f"{held.name} {held.place} {held.municipality_name}".casefold()
    return all(word in told for word in words) and wish.municipality in ("", held.municipality)


def _by_name(held: Receiver) -> tuple[Any, ...]:
    return held.name.casefold(), held.id


def _by_distance(held: Receiver) -> tuple[Any, ...]:
    far = held.distance is None
    return far, held.distance.km if held.distance else 0.0, *_by_name(held)


def _by_wait(held: Receiver) -> tuple[Any, ...]:
    return held.waiting_days is None, held.waiting_days or 0, *_by_distance(held)


def _order(wish: Wish) -> Any:
    by = {"near": _by_distance, "wait": _by_wait, "name": _by_name}[wish.order]
    rank = {True: 0, None: 1, False: 2}
    return lambda held: (rank[held.offers], *by(held))


def _with_places(ctx: Context, held: list[Receiver], wish: Wish) -> list[Receiver]:
    """The same with their own position, what they offer and the waiting time, in two searches."""
    if not held:
        return []
    listed = ",".join(f"Organization/{item.id}" for item in held)
    points: dict[str, Point] = {}
    for entry in store.search_all(ctx, "Location", [("organization", listed)]):
        point = places.position(entry.resource)
        owner = _id(entry.resource.get("managingOrganization"))
        if point is not None and entry.resource.get("status") != "inactive":
            points.setdefault(owner, point)
    services: dict[str, list[Mapping[str, Any]]] = {}
    for entry in store.search_all(ctx, "HealthcareService", [("organization", listed)]):
        if entry.resource.get("active") is not False:
            services.setdefault(_id(entry.resource.get("providedBy")), []).append(entry.resource)
    found = []
    for item in held:
        own = points.get(item.id)
        nearer = places.distance(wish.near, own) if own else item.distance
        found.append(_offering(replace(item, distance=nearer), services.get(item.id, ()), wish, ctx.today))
    return found


def _offering(held: Receiver, services: Iterable[Mapping[str, Any]], wish: Wish, today: int) -> Receiver:
    told = list(services)
    if not told:
        return held
    matching = [service for service in told if _is_for(service, wish.service)]
    offers = bool(matching) if wish.service is not None and any(_codes(service) for service in told) else None
    chosen = next(iter(sorted(matching or ([] if offers is False else told), key=_longest_told)), None)
    if chosen is None:
        return replace(held, offers=offers)
    waiting, day = _waiting(chosen)
    if day is not None and day > today:
        waiting, day = None, None
    return replace(held, offers=offers, service=str(chosen.get("name") or ""), waiting_days=waiting, waiting_told=day)


def _longest_told(service: Mapping[str, Any]) -> tuple[bool, int, str]:
    waiting, day = _waiting(service)
    return waiting is None, -(day or 0), str(service.get("id"))


def _waiting(service: Mapping[str, Any]) -> tuple[int | None, int | None]:
    waiting = day = None
    for extension in service.get("extension") or ():
        if extension.get("url") == systems.extension_url("waiting-days"):
            value = extension.get("valueInteger")
            waiting = value if isinstance(value, int) and value >= 0 else None
        elif extension.get("url") == systems.extension_url("waiting-told"):
            day = days.parse_day(extension.get("valueDate"))
    return waiting, day


def _codes(service: Mapping[str, Any]) -> set[tuple[str, str]]:
    concepts = [*(service.get("type") or ()), *(service.get("specialty") or ())]
    codings = (coding for concept in concepts for coding in concept.get("coding") or ())
    return {(str(coding.get("system") or ""), str(coding.get("code") or "")) for coding in codings}


def _is_for(service: Mapping[str, Any], wanted: ReferralKind | None) -> bool:
    if wanted is None:
        return True
    own = {(systems.SERVICE_SYSTEM, wanted.id)}
    if wanted.code is not None:
        own.add((wanted.code.system, wanted.code.code))
    return bool(_codes(service) & own)


def _id(reference: Mapping[str, Any] | None) -> str:
    parsed = parse_reference((reference or {}).get("reference") or "")
    return parsed.id if parsed is not None else ""
