"""Owns who one can be in the demo: people of the fictitious health service, and patients each with a story.

All of them are data: a persona points at a place and a kind of work in the directory of the population, or at a story.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tovholder.access.domain import Role
from tovholder.access.people import Persona
from tovholder.base.ids import seeded_ids
from tovholder.demo.synth.organisations import Directory, Place


class Story(StrEnum):
    """What has happened to a patient persona by the day the demo is built (told in stories.py)."""

    NEW = "new"  # diagnosed; nobody has started; the deadline is near
    UNDECIDED = "undecided"  # started and assessed; no level decided
    MISSED = "missed"  # level 2, plan confirmed, stayed away from a control and has no new time
    TOGETHER = "together"  # level 3, hospital, physiotherapist and prevention centre take part
    STEADY = "steady"  # level 1, everything done
    DECLINED = "declined"  # did not want it
    BACK_FOUND = "back-found"  # back pain that has now lasted 12 weeks; nobody has started
    BACK_FLAG = "back-flag"  # started and assessed; a red flag stands in the way of a level
    BACK_AWAY = "back-away"  # level 3, long on sick leave, has left physiotherapy
    BACK_WELL = "back-well"  # level 2, so much better that the course could end
    BACK_AGAIN = "back-again"  # a course ended well; the pain came back, and a new one is begun
    DIABETES = "diabetes"  # level 2; blood sugar too high; new medicine whose follow-up is late
    HEART = "heart"  # a heart attack four months ago; blood pressure is not down yet
    SEVERAL = "several"  # KOL, diabetes and heart disease: three plans, one visit where one will do
    ONE_MORE = "one-more"  # follows a KOL plan; diabetes was found lately; comes today
    LATE = "late"  # the right to a plan is broken
    WAITING = "waiting"  # wished to wait: the clock runs, and the pause stands beside it
    UNKNOWN = "unknown"  # half an assessment, old measurements, answers nobody knows
    DIFFERENT = "different"  # another level than the proposed one, with the doctor's reason
    SUSPECTED = "suspected"  # a diagnosis nobody has confirmed: not proposed
    REFUSED = "refused"  # referred in four ways: sent, refused and resent, answered, taken back
    ONWARD = "onward"  # the hospital referred on and handed back


@dataclass(frozen=True, slots=True)
class Staff:
    """A persona who works somewhere. clinic: which clinic's place, or that clinic's receiver."""

    name: str
    title: str
    role: Role
    clinic: int = 0
    place: str = "clinic"  # clinic | hospital | prevention | physio | none, or a kind of practice
    work: str = "gp"
    display_name: str = ""  # for those who work at no place of the population


@dataclass(frozen=True, slots=True)
class PatientPersona:
    """A patient with a story. age: at the anchor day; number: of the fictitious CPR series kept for personas."""

    name: str
    given: tuple[str, ...]
    family: str
    female: bool
    age: int
    birthday: tuple[int, int]  # month, day
    address: str
    story: Story
    title: str
    number: int
    package: str = "kol"
    can_log_in: bool = True  # the others are there to be looked at in the clinic

    @property
    def display_name(self) -> str:
        """The name people say."""
        return f"{self.given[0]} {self.family}"


STAFF: tuple[Staff, ...] = (
    Staff("anna", "Praktiserende læge, Lægerne Åtorvet", Role.GP),
    Staff("mette", "Sygeplejerske, Lægerne Åtorvet", Role.STAFF, work="nurse"),
    Staff("nabolaege", "Praktiserende læge i en anden klinik", Role.GP, clinic=1),
    Staff("lungelaege", "Lungemedicinsk overlæge, hospitalet", Role.HOSPITAL, place="hospital", work="hospital"),
    Staff("fysioterapeut", "Fysioterapeut", Role.PARTNER, place="physio", work="physio"),
    Staff("kiropraktor", "Kiropraktor", Role.PARTNER, place="chiropractor", work="chiropractor"),
    Staff("oejenlaege", "Øjenlæge", Role.PARTNER, place="ophthalmologist", work="ophthalmologist"),
    Staff("fodterapeut", "Statsautoriseret fodterapeut", Role.PARTNER, place="podiatrist", work="podiatrist"),
    Staff("forebyggelse", "Sygeplejerske, forebyggelsescenter", Role.PREVENTION, place="prevention", work="prevention"),
    Staff("analytiker", "Analytiker, Sundhedsdatastyrelsen", Role.ANALYST, place="none", display_name="Lise Dahl"),
    Staff("drift", "Driftsansvarlig", Role.OPERATOR, place="none", display_name="Jonas Krogh"),
    Staff("system", "System (maskine til maskine)", Role.SYSTEM, place="none", display_name="Systemadgang"),
)

PATIENTS: tuple[PatientPersona, ...] = (
    PatientPersona(
        "kirsten", ("Kirsten",), "Bruun", True, 69, (3, 14), "Rebslagerstien 8", Story.NEW,
        "Patient: har lige fået diagnosen, forløbet er ikke startet", 1,
    ),
    PatientPersona(
        "ole", ("Ole", "Bach"), "Madsen", False, 74, (9, 2), "Teglværkshaven 21", Story.UNDECIDED,
        "Patient: startet, niveauet er ikke besluttet", 2,
    ),
    PatientPersona(
        "jytte", ("Jytte",), "Søndergaard", True, 66, (6, 27), "Mosekrogen 3", Story.MISSED,
        "Patient: niveau 2, udeblevet fra kontrol", 3,
    ),
    PatientPersona(
        "svend", ("Svend", "Aage"), "Poulsen", False, 78, (11, 9), "Gammel Møllesti 14", Story.TOGETHER,
        "Patient: niveau 3, flere er med i forløbet", 4,
    ),
    PatientPersona(
        "bente", ("Bente",), "Kjær", True, 61, (4, 18), "Enghavekrogen 5", Story.STEADY,
        "Patient: niveau 1, det går godt", 5,
    ),
    PatientPersona(
        "villy", ("Villy",), "Thomsen", False, 71, (8, 30), "Havreager 42", Story.DECLINED,
        "Patient: har takket nej", 6,
    ),
    PatientPersona(
        "lars", ("Lars",), "Winther", False, 44, (2, 11), "Kirsebærvænget 17", Story.BACK_FOUND,
        "Patient med ondt i ryggen: har haft ondt i 12 uger, forløbet er ikke startet", 7, "lrs",
    ),
    PatientPersona(
        "tina", ("Tina", "Holst"), "Eriksen", True, 52, (10, 5), "Bakkedraget 2", Story.BACK_FLAG,
        "Patient med ondt i ryggen: et rødt flag skal vurderes", 8, "lrs",
    ),
    PatientPersona(
        "rasmus", ("Rasmus",), "Kold", False, 38, (7, 21), "Smedegade 31", Story.BACK_AWAY,
        "Patient med ondt i ryggen: niveau 3, sygemeldt, stoppet hos fysioterapeuten", 9, "lrs",
    ),
    PatientPersona(
        "hanne", ("Hanne",), "Lund", True, 58, (12, 16), "Åvej 6", Story.BACK_WELL,
        "Patient med ondt i ryggen: niveau 2, så meget bedre, at forløbet kan afsluttes", 10, "lrs",
    ),
    PatientPersona(
        "gerda", ("Gerda",), "Villadsen", True, 72, (5, 8), "Kvædehaven 11", Story.SEVERAL,
        "Patient med KOL, type 2-diabetes og hjertesygdom: tre planer samlet i én", 11,
    ),
    PatientPersona(
        "inger", ("Inger", "Marie"), "Mikkelsen", True, 63, (1, 22), "Skovstjernen 4", Story.DIABETES,
        "Patient med type 2-diabetes: niveau 2, ny medicin, som ikke er fulgt op", 12, "t2d",
    ),
    PatientPersona(
        "preben", ("Preben",), "Nygaard", False, 67, (3, 3), "Havnegade 27", Story.HEART,
        "Patient med hjertesygdom: havde en blodprop i hjertet for fire måneder siden", 13, "hjerte",
    ),
    PatientPersona(
        "dorthe", ("Dorthe",), "Vinter", True, 47, (9, 12), "Lindealléen 38", Story.BACK_AGAIN,
        "Patient med ondt i ryggen: smerterne er kommet igen efter et afsluttet forløb", 14, "lrs",
    ),
    PatientPersona(
        "bjarne", ("Bjarne",), "Fog", False, 68, (6, 2), "Smedebakken 9", Story.ONE_MORE,
        "Patient med KOL: har også fået diabetes og kommer i klinikken i dag", 15, can_log_in=False,
    ),
    PatientPersona(
        "finn", ("Finn",), "Ibsen", False, 70, (10, 28), "Bøgevej 61", Story.LATE,
        "Patient med type 2-diabetes: fristen for planen er overskredet", 16, "t2d", can_log_in=False,
    ),
    PatientPersona(
        "ruth", ("Ruth",), "Holst", True, 64, (7, 6), "Violvej 15", Story.WAITING,
        "Patient med KOL: vil vente med at begynde", 17, can_log_in=False,
    ),
    PatientPersona(
        "egon", ("Egon",), "Frost", False, 76, (12, 3), "Pilevænget 2", Story.UNKNOWN,
        "Patient med KOL: halvt udfyldt behovsvurdering og gamle målinger", 18, can_log_in=False,
    ),
    PatientPersona(
        "kaj", ("Kaj", "Ove"), "Bundgaard", False, 79, (2, 24), "Kirkestræde 7", Story.DIFFERENT,
        "Patient med KOL: lægen valgte et andet niveau end det foreslåede", 19, can_log_in=False,
    ),
    PatientPersona(
        "poul", ("Poul",), "Lassen", False, 59, (4, 30), "Rugmarken 18", Story.SUSPECTED,
        "Patient, hvor KOL er en mistanke", 20, can_log_in=False,
    ),
    PatientPersona(
        "alice", ("Alice",), "Brandt", True, 58, (8, 14), "Elmealléen 22", Story.REFUSED,
        "Patient med type 2-diabetes: en henvisning blev afvist og sendt igen", 21, "t2d", can_log_in=False,
    ),
    PatientPersona(
        "niels", ("Niels", "Erik"), "Damgaard", False, 69, (11, 19), "Vesterled 33", Story.ONWARD,
        "Patient med hjertesygdom: hospitalet henviste videre", 22, "hjerte", can_log_in=False,
    ),
)  # fmt: skip


def patient_ids(seed: int) -> dict[str, str]:
    """The patient id of each patient persona, by name: opaque, and the same for the same seed."""
    ids = seeded_ids(seed * 2_000_003 + 3)
    return {persona.name: ids() for persona in PATIENTS}


def all_personas(everywhere: Directory, seed: int) -> Iterator[Persona]:
    """Everybody one can be in the demo built on this population, staff first."""
    for one in STAFF:
        place = _place(everywhere, one)
        worker = place.worker(one.work) if place else None
        yield Persona(
            name=one.name,
            display_name=worker.name if worker else one.display_name,
            title=one.title,
            role=one.role,
            organization_id=place.id if place else "",
            practitioner_id=worker.id if worker else "",
            patient_id="",
        )
    known = patient_ids(seed)
    for patient in PATIENTS:
        if not patient.can_log_in:
            continue
        yield Persona(
            name=patient.name,
            display_name=patient.display_name,
            title=patient.title,
            role=Role.CITIZEN,
            organization_id="",
            practitioner_id="",
            patient_id=known[patient.name],
        )


def _place(everywhere: Directory, one: Staff) -> Place | None:
    if one.place == "none":
        return None
    clinic = everywhere.clinics[one.clinic]
    return {
        "clinic": clinic.place,
        "hospital": clinic.hospital,
        "prevention": clinic.prevention,
        "physio": clinic.physio,
        **clinic.practices,
    }[one.place]
