"""One row of the clinic's list: a patient, in one package or in all of theirs, and what waits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.urls import reverse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from tovholder.cockpit.queries import ClinicRow
from tovholder.cockpit.ranking import SEVERITY, SOON
from tovholder.plan.review import Prompt
from tovholder.web.cockpit_view import Asleep, CockpitRow, Course
from tovholder.web.presenters import cockpit_cells
from tovholder.web.presenters.flags import flags as shown_flags
from tovholder.web.templatetags.tovholder import day
from tovholder.web.view_models import NextStep
from tovholder.web.wording import CHANNELS, OUTCOMES, PHASES

if TYPE_CHECKING:
    from tovholder.web.presenters.cockpit import Clinic

# Where on the patient's page the thing that waits is done.
_ANCHORS = {
    "assess-first": "niveau",
    "start": "start",
    "needs": "behov",
    "level": "niveau",
    "plan": "plan",
    "confirm": "plan",
    "resume": "pause-titel",
    "rebook": "foelg",
    "outcome": "foelg",
    "overdue": "plan",
    "review": "plan",
    "book": "foelg",
}
# What the day of the next step is. Those that wait for the plan's deadline have it in a column of its own.
_DAYS: Mapping[str, tuple[Any, Any]] = {
    "resume": (_("Pause siden"), _("Pause siden")),
    "rebook": (_("Udeblev"), _("Udeblev")),
    "outcome": (_("Aftalen var"), _("Aftalen var")),
    "overdue": (_("Skulle være gjort"), _("Senest")),
    "review": (_("Skulle være gjort"), _("Senest")),
    "book": (_("Skulle være gjort"), _("Senest")),
}


_REVIEWS: Mapping[Prompt, Any] = {
    Prompt.WISH: _("patienten bad om det %(date)s"),
    Prompt.ADMISSION: _("udskrevet %(date)s"),
    Prompt.FLAG: _("nyt vigtigt flag %(date)s"),
    Prompt.YEARLY: _("skulle være sket %(date)s"),
}


@dataclass(frozen=True, slots=True)
class Person:
    """A patient with the courses the list holds of them, the most pressing first."""

    rows: tuple[ClinicRow, ...]

    @property
    def lead(self) -> ClinicRow:
        """The course that needs us most."""
        return min(self.rows, key=lambda row: row.overall)

    @property
    def name(self) -> str:
        """The patient's."""
        return self.rows[0].name

    @property
    def level(self) -> int | None:
        """The highest of the courses' levels."""
        return max((row.level for row in self.rows if row.level is not None), default=None)

    @property
    def pressed(self) -> ClinicRow:
        """The course whose deadline comes first; the lead where none has one."""
        timed = [row for row in self.rows if row.days_left is not None]
        return min(timed, key=lambda row: row.days_left or 0) if timed else self.lead

    @property
    def days_left(self) -> int | None:
        """To the first deadline."""
        return self.pressed.days_left

    @property
    def last_control_day(self) -> int | None:
        """The latest in any course."""
        return max((row.last_control_day for row in self.rows if row.last_control_day is not None), default=None)

    @property
    def next_control_day(self) -> int | None:
        """The nearest in any course."""
        return min((row.next_control_day for row in self.rows if row.next_control_day is not None), default=None)


def row_of(
    person: Person, clinic: Clinic, never: Sequence[Mapping[str, str]], names: frozenset[str] | None
) -> CockpitRow:
    """The row as the page shows it. names: the columns of the package's file to show; None: all of them."""
    lead, pressed, held, today = person.lead, person.pressed, clinic.package, clinic.today
    url = course_url(lead)
    cells = clinic.cells.get(lead.episode_id, {})
    flags = sorted(
        (flag for row in person.rows for flag in shown_flags(row.flags, row.patient_id, row.package)),
        key=lambda flag: (SEVERITY[flag.severity], flag.since_day or 0),
    )
    missing = [title for row in person.rows for title in row.missing if title not in never]
    if held is not None:
        missing = list(cockpit_cells.missing(held, cells)) if lead.phase != "eligible" else []
    level = person.level
    origin = next((row for row in person.rows if row.level == level), lead)
    return CockpitRow(
        patient_id=lead.patient_id,
        key=lead.episode_id,
        name=person.name,
        age=lead.age,
        courses=tuple(
            Course(row.package_title, PHASES.get(row.phase, row.phase), course_url(row)) for row in person.rows
        ),
        level=level,
        level_from=origin.package_title if len(person.rows) > 1 and level is not None else {},
        review=_review(person),
        flags=tuple(flags),
        asleep=tuple(Asleep(flag.title, snooze.until_day) for row in person.rows for flag, snooze in row.sleeping),
        deadline_day=pressed.deadline_day,
        days_left=pressed.days_left,
        deadline_state=deadline_state(pressed),
        next_step=next_step(lead, url, today),
        last_control_day=person.last_control_day,
        next_control_day=person.next_control_day,
        noshows_12m=sum(row.noshows_12m for row in person.rows),
        missing=tuple(
            {language: text.partition(" (")[0] for language, text in title.items()}  # without its scale
            for title in missing
        ),
        shown=cockpit_cells.shown(held, cells, names, today, clinic.language) if held is not None else (),
        assigned=_assigned(person, clinic),
        attempt=_attempt(person),
        url=url,
        follow_url=reverse("web:follow-up", args=[lead.patient_id, lead.package]),
    )


def course_url(row: ClinicRow) -> str:
    """The page of the course."""
    return reverse("web:patient", args=[row.patient_id, row.package])


def _review(person: Person) -> str:
    found = next((review for row in person.rows for review in row.reviews), None)
    if found is None:
        return ""
    return gettext("Vurdér igen: %(why)s") % {"why": _REVIEWS[found.prompt] % {"date": day(found.day, "compact")}}


def _assigned(person: Person, clinic: Clinic) -> str:
    names = {
        gettext("dig") if row.assigned_to == clinic.me else clinic.names.get(row.assigned_to, gettext("en kollega"))
        for row in person.rows
        if row.assigned_to
    }
    return ", ".join(sorted(names))


def _attempt(person: Person) -> str:
    held = [row for row in person.rows if row.last_attempt is not None and row.last_attempt.day is not None]
    if not held:
        return ""
    last = max((row.last_attempt for row in held if row.last_attempt), key=lambda attempt: attempt.day or 0)
    times = sum(row.attempts for row in held)
    said = ngettext("Forsøgt kontaktet %(count)d gang", "Forsøgt kontaktet %(count)d gange", times) % {"count": times}
    return gettext("%(said)s, senest %(day)s: %(outcome)s") % {
        "said": said,
        "day": day(last.day, "compact"),
        "outcome": outcome(last.channel, last.outcome),
    }


def outcome(channel: str, code: str) -> str:
    """What came of an attempt, as the list says it."""
    if channel == "message":
        return str(CHANNELS["message"]).lower()
    return str(OUTCOMES.get(code, code)).lower()


def deadline_state(row: ClinicRow) -> str:
    """How the deadline of the plan stands, as components/deadline.html names it."""
    if row.phase == "declined":
        return "none"
    if row.plan_confirmed:
        if row.deadline_day is None or row.plan_confirmed_day is None:
            return "confirmed"
        return "met" if row.plan_confirmed_day <= row.deadline_day else "met-late"
    if row.days_left is None:
        return "unknown"
    if row.days_left < 0:
        return "broken"
    return "soon" if row.days_left <= SOON else "running"


def next_step(row: ClinicRow, url: str, today: int) -> NextStep | None:
    """What waits in the course, and where on the patient's page it is done."""
    step = row.next_step
    if step is None or step.kind == "follow":
        return None
    anchor = _ANCHORS.get(step.kind)
    late, ahead = _DAYS.get(step.kind, ("", ""))
    label = late if step.day is not None and today > step.day else ahead
    return NextStep(step.kind, step.title, step.day, f"{url}#{anchor}" if anchor else url, label)
