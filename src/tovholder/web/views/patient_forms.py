"""The forms of a patient's page: one of each kind, one per appointment where an appointment has its own."""

from __future__ import annotations

from typing import Any

from django.forms import Form

from tovholder.base import days
from tovholder.plan import nextstep
from tovholder.web import forms, reading
from tovholder.web.presenters.pages import book_kinds


def to_book(course: reading.Course, today: int, kind: str = "") -> dict[str, Any]:
    """What the form for a new appointment proposes: the step that waits for a time (of the kind, where one is named), and
    its day; nothing where all is agreed.
    """
    serves = {item.kind: item.kind for item in course.package.appointment_kinds}
    for item in course.package.appointment_kinds:
        for covered in item.covers:
            serves.setdefault(covered, item.kind)
    wanted = {step for step, by in serves.items() if not kind or kind in (step, by)}
    found = nextstep.to_book(course.view.activities, course.view.appointments, wanted, today)
    if found is None:
        return {"kind": serves.get(kind, kind)} if kind else {}
    step, day = found
    return {"kind": serves[step.kind], "date": days.date_of(day)}


class PatientForms:
    """Everything that can be filled in on the page; at most one of them is bound to what was sent."""

    def __init__(self, course: reading.Course, *, today: int, language: str) -> None:
        view = course.view
        proposed = view.proposal.level if view.needs_day is not None else None
        self._today = today
        self._preview = tuple(step.id for step in view.preview)
        self._suggested = frozenset(item.id for item in view.suggestions)
        self.chosen: frozenset[str] = frozenset()  # suggested goals that were ticked
        self.left_out: frozenset[str] = frozenset()  # activities whose cross was taken away
        self._extra: dict[str, dict[str, Any]] = {
            "start": {"confirm": confirm[language] if (confirm := course.package.inclusion.confirm) else ""},
            "decide": {"proposed": int(proposed) if proposed else None},
            "confirm": {"has_goal": any(item.lifecycle in ("active", "accepted", "proposed") for item in view.goals)},
            "book": {"kinds": book_kinds(course.package, language)},
        }
        self.start = self._make("start", initial={"offered": days.date_of(today), "started": days.date_of(today)})
        self.decline = self._make("decline")
        self.decide = self._make("decide", initial={"level": int(proposed) if proposed else None})
        self.confirm = self._make("confirm")
        self.goal = self._make("goal")
        self.book = self._make("book", initial=to_book(course, today))
        self.pause = self._make("pause")
        self.reassess = self._make("reassess", initial={"asked": days.date_of(today)})
        self.end = self._make("end", initial={"reason": view.stops[0][0].end_reason} if view.stops else None)
        ids = [item.id for item in view.appointments if item.id]
        self.cancel: dict[str, Form] = {identity: self._make("cancel", key=identity) for identity in ids}
        self.rebook: dict[str, Form] = {
            item.id: self._make("rebook", key=item.id, initial={"shown": item.start.isoformat() if item.start else ""})
            for item in view.appointments
            if item.id
        }

    def bind(self, name: str, data: Any) -> Form | None:
        """The named form with what was sent; None for an appointment that is not on the page."""
        if name in ("cancel", "rebook"):
            key = data.get("appointment", "")
            if key not in getattr(self, name):
                return None
            bound = self._make(name, data, key=key)
            getattr(self, name)[key] = bound
            return bound
        if name == "confirm":
            self.left_out = frozenset(self._preview) - set(data.getlist("med"))
            self.chosen = frozenset(data.getlist("forslag"))
            if self.chosen & self._suggested:
                self._extra["confirm"] = {"has_goal": True}
        if name == "goal" and data.get("forslag", "") in self._suggested:
            data = {"text": "–", "by_patient": "clinic"}  # the package's words, which the act finds by their id
        bound = self._make(name, data)
        setattr(self, name, bound)
        return bound

    def _make(self, name: str, data: Any = None, *, key: str = "", **kwargs: Any) -> Form:
        made: Form = _KINDS[name](
            data,
            today=self._today,
            name=f"{name}-{key}" if key else name,
            **self._extra.get(name, {}),
            **kwargs,
        )
        return made


_KINDS: dict[str, type[forms.TodayForm]] = {
    "start": forms.StartForm,
    "decline": forms.DeclineForm,
    "decide": forms.DecideForm,
    "confirm": forms.ConfirmForm,
    "goal": forms.GoalForm,
    "book": forms.BookForm,
    "pause": forms.PauseForm,
    "reassess": forms.ReassessForm,
    "end": forms.EndForm,
    "cancel": forms.CancelForm,
    "rebook": forms.RebookForm,
}
