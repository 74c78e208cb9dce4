"""Owns the fictitious health service: regions, sundhedsråd, municipalities, clinics, hospitals, centres, staff."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tovholder.base.ids import Ids, seeded_ids
from tovholder.demo.synth import names
from tovholder.demo.synth.config import SynthConfig
from tovholder.demo.synth.geography import Municipality, geography
from tovholder.fhir import systems as s

Json = dict[str, Any]

# Somebody has to stand in the same place every time: the first full clinic is in Randers, by the river its name says.
FIRST_CLINIC_MUNICIPALITY = "0730"
FIRST_CLINIC_NAME = "Lægerne Åtorvet"
FIRST_CLINIC_STAFF = (
    ("Anna", "Holm", "gp"),
    ("Peter", "Toft", "gp"),
    ("Mette", "Skov", "nurse"),
)

# The hospital departments beside the lungs': what they are called, and who works there.
DEPARTMENTS = {
    "eyes": "Øjenafdelingen",
    "diabetes": "Diabetesambulatoriet",
    "heart": "Hjerteambulatoriet",
}
# Where a step or referral that goes to the hospital goes, when it is not to the lungs.
DEPARTMENT_OF = {
    "oejenscreening": "eyes",
    "oejenlaege": "eyes",
    "diabetesambulatorium": "diabetes",
    "hjerteambulatorium": "heart",
}

_ROLE_TEXT = {
    "gp": "Praktiserende læge",
    "nurse": "Sygeplejerske",
    "hospital": "Lungemedicinsk overlæge",
    "eyes": "Øjenlæge",
    "diabetes": "Endokrinologisk overlæge",
    "heart": "Kardiologisk overlæge",
    "physio": "Fysioterapeut",
    "prevention": "Forebyggelseskonsulent, sygeplejerske",
    "chiropractor": "Kiropraktor",
    "ophthalmologist": "Øjenlæge",
    "podiatrist": "Statsautoriseret fodterapeut",
}
# Practising specialists and therapists of a sundhedsråd: what they are called before the town's name.
PRACTICES = {"ophthalmologist": "Øjenlægerne", "podiatrist": "Fodterapeuterne", "chiropractor": "Kiropraktorerne"}


@dataclass(frozen=True, slots=True)
class Worker:
    """A practitioner in one role at one place."""

    id: str
    role_id: str
    given: str
    family: str
    kind: str

    @property
    def name(self) -> str:
        """The name people say."""
        return f"{self.given} {self.family}"

    @property
    def reference(self) -> str:
        """How other resources point at them."""
        return f"Practitioner/{self.id}"


@dataclass(frozen=True, slots=True)
class Place:
    """An organisation people go to."""

    id: str
    kind: str
    name: str
    municipality: Municipality
    address: str
    workers: tuple[Worker, ...] = ()

    def worker(self, kind: str) -> Worker:
        """The first one of that kind."""
        return next(worker for worker in self.workers if worker.kind == kind)


@dataclass(frozen=True, slots=True)
class Clinic:
    """A GP clinic with the receivers its patients are referred to. full: its whole list is generated."""

    place: Place
    number: int
    full: bool
    hospital: Place
    prevention: Place
    physio: Place
    departments: Mapping[str, Place] = field(default_factory=dict)
    practices: Mapping[str, Place] = field(default_factory=dict)  # by kind of receiver

    def department(self, kind: str) -> Place:
        """Where in the hospital a kind of step or referral goes."""
        name = DEPARTMENT_OF.get(kind)
        return self.departments[name] if name else self.hospital


@dataclass(frozen=True, slots=True)
class Directory:
    """Every organisation of one population, and the ids of regions and municipalities by code."""

    clinics: tuple[Clinic, ...]
    places: tuple[Place, ...]
    region_ids: dict[str, str]
    council_ids: dict[str, str]
    municipality_ids: dict[str, str]


def directory(config: SynthConfig) -> Directory:
    """Who there is: the same for the same config, without generating a single patient."""
    draw = _Draw(config.seed)
    geo = geography()
    region_ids = {region.code: draw.ids() for region in geo.regions_on(config.anchor)}
    council_ids = {council.code: draw.ids() for council in geo.councils}
    municipality_ids = {municipality.code: draw.ids() for municipality in geo.municipalities}
    hospitals = {
        council.code: draw.place(
            "hospital",
            f"Hospital {council.name.removeprefix('Sundhedsråd ')}, Lungeambulatoriet",
            max(council.municipalities, key=lambda one: one.people),
            ("hospital",),
        )
        for council in geo.councils
    }
    sites = _sites(config, draw.rng)
    prevention = {
        one.code: draw.place("prevention", f"Forebyggelsescenter {one.name}", one, ("prevention",)) for one in sites
    }
    physio = {
        one.code: draw.place(
            "physio",
            f"{names.CLINIC_PLACES[draw.pick(len(names.CLINIC_PLACES))]} Fysioterapi",
            one,
            ("physio",),
        )
        for one in sites
    }
    clinics = []
    for number, site in enumerate(sites):
        if number == 0 and config.full_clinics:
            place = draw.place("gp", FIRST_CLINIC_NAME, site, (), FIRST_CLINIC_STAFF)
        else:
            form = names.CLINIC_FORMS[draw.pick(len(names.CLINIC_FORMS))]
            places = names.CLINIC_PLACES[1:]  # the first one is the first clinic's
            name = form.format(places[number * 5 % len(places)])
            if number > len(places):
                name = f"{name}, {site.town}"
            place = draw.place("gp", name, site, ("gp", "gp", "nurse")[draw.pick(2) :])
        clinics.append(
            Clinic(
                place,
                number,
                number < config.full_clinics,
                hospitals[site.council],
                prevention[site.code],
                physio[site.code],
            )
        )
    chiropractors = [
        draw.place(
            "chiropractor",
            f"Kiropraktisk Klinik {council.municipalities[0].town}",
            council.municipalities[0],
            (),
        )
        for council in geo.councils[::4]
    ]
    departments = {  # drawn last: what was before them stays as it was
        code: {
            name: draw.place("hospital", f"{_hospital(place.name)}, {title}", place.municipality, (name,))
            for name, title in DEPARTMENTS.items()
        }
        for code, place in hospitals.items()
    }
    practices = {  # and after them these
        council.code: {
            kind: draw.place(kind, f"{called} {site.town}", site, (kind,))
            for kind, called in PRACTICES.items()
            for site in [max(council.municipalities, key=lambda one: one.people)]
        }
        for council in geo.councils
    }
    clinics = [
        replace(
            one,
            departments=departments[one.place.municipality.council],
            practices=practices[one.place.municipality.council],
        )
        for one in clinics
    ]
    others = [
        *hospitals.values(),
        *prevention.values(),
        *physio.values(),
        *chiropractors,
        *(place for held in departments.values() for place in held.values()),
        *(place for held in practices.values() for place in held.values()),
    ]
    return Directory(
        tuple(clinics),
        (*(clinic.place for clinic in clinics), *others),
        region_ids,
        council_ids,
        municipality_ids,
    )


def _hospital(name: str) -> str:
    return name.partition(",")[0]


def _sites(config: SynthConfig, rng: np.random.Generator) -> list[Municipality]:
    """Where the clinics stand: as people live, evenly over the country, so that no region is left without by chance."""
    everywhere = geography().municipalities
    edges = np.cumsum([one.people for one in everywhere], dtype=np.float64)
    wanted = config.clinics - (1 if config.full_clinics else 0)
    points = (np.arange(wanted) + rng.random()) / max(wanted, 1) * edges[-1]
    spread = [everywhere[int(index)] for index in np.searchsorted(edges, points, side="right")]
    order = rng.permutation(wanted)
    first = [one for one in everywhere if one.code == FIRST_CLINIC_MUNICIPALITY] if config.full_clinics else []
    return first + [spread[int(index)] for index in order]


class _Draw:
    """Ids, names and numbers of organisations, in a stream of their own."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng([seed, 0])
        self.ids: Ids = seeded_ids(seed * 2_000_003 + 1)
        self._weights = np.array(names.FAMILY_WEIGHT) / sum(names.FAMILY_WEIGHT)

    def pick(self, below: int) -> int:
        return int(self.rng.integers(0, below))

    def place(
        self,
        kind: str,
        name: str,
        municipality: Municipality,
        workers: tuple[str, ...],
        named: tuple[tuple[str, str, str], ...] = (),
    ) -> Place:
        identity = self.ids()
        street = names.STREETS[self.pick(len(names.STREETS))]
        staff = [*named, *(self._person(work) for work in workers)]
        return Place(
            identity,
            kind,
            name,
            municipality,
            f"{street} {1 + self.pick(90)}",
            tuple(Worker(self.ids(), self.ids(), given, family, work) for given, family, work in staff),
        )

    def _person(self, work: str) -> tuple[str, str, str]:
        female = self.rng.random() < (0.9 if work == "nurse" else 0.55)
        given = names.given_names(1960 + self.pick(35), bool(female))
        family = names.FAMILY[int(self.rng.choice(len(names.FAMILY), p=self._weights))]
        return given[self.pick(len(given))], family, work


def organisation_resources(config: SynthConfig, everywhere: Directory) -> Iterator[Json]:
    """Organization, Practitioner and PractitionerRole resources, parents first."""
    geo = geography()
    serial = iter(range(1, 10**6))
    for region in geo.regions_on(config.anchor):
        made = _organization(everywhere.region_ids[region.code], "region", region.name, next(serial))
        made["identifier"].append({"system": s.REGION, "value": region.code})
        made["extension"] = [_code("region", region.code)]
        yield made
    for council in geo.councils:
        region = geo.region_of(council.code, config.anchor)
        made = _organization(
            everywhere.council_ids[council.code],
            "sundhedsraad",
            council.name,
            next(serial),
        )
        made["identifier"].append({"system": s.SUNDHEDSRAAD_SYSTEM, "value": council.code})
        made["extension"] = [
            _code("region", region.code),
            _code("sundhedsraad", council.code),
        ]
        made["partOf"] = {"reference": f"Organization/{everywhere.region_ids[region.code]}"}
        yield made
    for municipality in geo.municipalities:
        made = _organization(
            everywhere.municipality_ids[municipality.code],
            "municipality",
            f"{municipality.name} Kommune",
            next(serial),
        )
        made["identifier"].append({"system": s.MUNICIPALITY, "value": municipality.code})
        made["extension"] = _where(config, municipality)
        yield made
    for index, place in enumerate(everywhere.places):
        yield from _place(config, everywhere, place, index, next(serial))


def _place(config: SynthConfig, everywhere: Directory, place: Place, index: int, serial: int) -> Iterator[Json]:
    made = _organization(place.id, place.kind, place.name, serial)
    if place.kind in ("gp", "physio", *PRACTICES):
        # Six digits as a ydernummer has; everything from 990000 up is ours, by agreement with ourselves.
        made["identifier"].append({"system": s.YDERNUMMER, "value": f"{990000 + index % 10000:06d}"})
    made["extension"] = _where(config, place.municipality)
    # No Danish telephone number begins with 0: nobody can be rung by mistake.
    digits = f"{index % 1_000_000:06d}"
    made["telecom"] = [{"system": "phone", "value": f"00 {digits[:2]} {digits[2:4]} {digits[4:]}", "use": "work"}]
    made["address"] = [
        {
            "use": "work",
            "line": [place.address],
            "city": place.municipality.town,
            "postalCode": place.municipality.postcode,
            "country": "DK",
        }
    ]
    if place.kind == "hospital":
        region = geography().region_of(place.municipality.council, config.anchor)
        made["partOf"] = {"reference": f"Organization/{everywhere.region_ids[region.code]}"}
    elif place.kind == "prevention":
        made["partOf"] = {"reference": f"Organization/{everywhere.municipality_ids[place.municipality.code]}"}
    yield made
    for worker in place.workers:
        yield {
            "resourceType": "Practitioner",
            "id": worker.id,
            "active": True,
            "name": [
                {
                    "use": "official",
                    "family": worker.family,
                    "given": [worker.given],
                    "text": worker.name,
                }
            ],
        }
        yield {
            "resourceType": "PractitionerRole",
            "id": worker.role_id,
            "active": True,
            "practitioner": {"reference": worker.reference, "display": worker.name},
            "organization": {
                "reference": f"Organization/{place.id}",
                "display": place.name,
            },
            "code": [{"text": _ROLE_TEXT[worker.kind]}],
        }


def _organization(identity: str, kind: str, name: str, serial: int) -> Json:
    return {
        "resourceType": "Organization",
        "id": identity,
        "active": True,
        # Digits as a SOR id has (11 or more), under a namespace 1999999 that SOR (1000016) never uses.
        "identifier": [{"system": s.SOR, "value": f"{serial:05d}1999999006"}],
        "type": [{"coding": [{"system": s.ORGANIZATION_KIND_SYSTEM, "code": kind}]}],
        "name": name,
    }


def _where(config: SynthConfig, municipality: Municipality) -> list[Json]:
    region = geography().region_of(municipality.council, config.anchor)
    return [
        _code("region", region.code),
        _code("sundhedsraad", municipality.council),
        _code("municipality", municipality.code),
    ]


def _code(name: str, value: str) -> Json:
    return {"url": s.extension_url(name), "valueCode": value}
