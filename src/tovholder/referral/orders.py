"""The ServiceRequest behind a referral: the plan's own, the refused one again, or a new one; who asks, why, on what grounds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tovholder.base.errors import rule
from tovholder.packages.common import CodeValue
from tovholder.packages.model_screens import Referral as ReferralKind
from tovholder.plan import course, resources
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.values import Activity, Episode, Referral, Told
from tovholder.store import UnitOfWork

_LEFT_OUT_OF_NOTES = frozenset({"henviser", "ydelse", "hastegrad"})  # the request says these itself
_NOT_GROUNDS = ("Patient/", "Organization/", "Practitioner/")


class Order:
    """One order to be placed in a course, addressed to its receiver."""

    def __init__(
        self,
        uow: UnitOfWork,
        episode: Episode,
        chosen: ReferralKind,
        receiver_id: str,
        receiver_kind: str,
        told: tuple[Told, ...],
        text: str,
        supporting: tuple[dict[str, Any], ...],
        day: int,
        requester: str = "",
    ) -> None:
        assert episode.id is not None
        self.uow, self.episode, self.episode_id, self.chosen = uow, episode, episode.id, chosen
        self.receiver_id, self.receiver_kind, self.told, self.text, self.supporting, self.day = (
            receiver_id,
            receiver_kind,
            told,
            text,
            supporting,
            day,
        )
        self.requester = requester or uow.ctx.actor

    def place(self, activity_id: str | None) -> str:
        """Order the plan's open activity where there is one, else something new."""
        held = course.package(self.episode.package)
        carrying = {item.kind for item in held.plan.activities if item.referral == self.chosen.id} or {self.chosen.id}
        open_ones = [
            (stored, activity)
            for stored, activity in course.activities(self.uow, self.episode.patient_id, self.episode_id)
            if activity.status.is_open
            and stored.get("intent") == "plan"
            and (activity.id == activity_id if activity_id else activity.kind in carrying)
        ]
        if activity_id and not open_ones:
            raise rule(
                "Task.focus", "the activity is not open in this course, or is referred already", "an open activity"
            )
        if not open_ones:
            return self._new(min(carrying), None)
        stored, activity = min(open_ones, key=lambda pair: (pair[1].due_day or 0, pair[1].id or ""))
        ordered = self._to(activity, self.day)
        return self.uow.update(self._addressed(resources.activity_resource(ordered, stored, intent="order"))).id

    def again(self, before: Referral) -> str:
        """The same order to another receiver, with what it is to be told now; a new one where it was closed meanwhile."""
        stored = self.uow.read("ServiceRequest", before.request_id)
        activity = resources.read_activity(stored)
        if not activity.status.is_open:
            return self._new(activity.kind, None)
        ordered = self._to(activity, activity.authored_day)
        return self.uow.update(self._addressed(resources.activity_resource(ordered, stored, intent="order"))).id

    def beside(self, request_id: str) -> str:
        """A new order that came of another."""
        return self._new(self.chosen.id, request_id)

    def _to(self, activity: Activity, day: int | None) -> Activity:
        return replace(activity, performer_id=self.receiver_id, performer_kind=self.receiver_kind, authored_day=day)

    def _new(self, kind: str, came_of: str | None) -> str:
        held = course.package(self.episode.package)
        right = next((item for item in held.rights if item.id == self.chosen.right), None)
        due = self.day + right.days if right is not None else None
        plan = course.valid_plan(self.uow, self.episode.patient_id, self.episode_id)
        fresh = Activity(
            patient_id=self.episode.patient_id,
            episode_id=self.episode_id,
            plan_id=plan[1].id if plan else None,
            package=self.episode.package,
            kind=kind,
            title=self.chosen.title.da,
            status=ActivityStatus.ACTIVE,
            due_day=due,
            window_start_day=self.day,
            window_end_day=due,
            performer_kind=self.receiver_kind,
            performer_id=self.receiver_id,
            authored_day=self.day,
        )
        made = resources.activity_resource(fresh, intent="order")
        if came_of:
            made["basedOn"] = [*(made.get("basedOn") or ()), {"reference": f"ServiceRequest/{came_of}"}]
        return self.uow.create(self._addressed(made)).id

    def _addressed(self, request: dict[str, Any]) -> dict[str, Any]:
        """Who asks, for which diagnosis, on what grounds: each source named by the fields it fills."""
        if "/" in self.requester:
            request["requester"] = {"reference": self.requester}
        if self.chosen.code is not None:
            self._coded(request, self.chosen.code)
        by_source: dict[str, list[str]] = {}
        for one in self.told:
            if one.source and not one.source.startswith(_NOT_GROUNDS):
                by_source.setdefault(one.source, []).append(one.title)
        reasons = [source for source in by_source if source.startswith("Condition/")]
        if reasons:
            request["reasonReference"] = [
                {"reference": source, "display": ", ".join(by_source[source])} for source in reasons
            ]
        grounds = [
            {"reference": source, "display": ", ".join(titles)}
            for source, titles in by_source.items()
            if source not in reasons
        ]
        if grounds or self.supporting:
            request["supportingInfo"] = [*grounds, *self.supporting]
        notes = [
            {"id": f"felt-{one.id}", "text": f"{one.title}: {one.value}"}
            for one in self.told
            if one.id not in _LEFT_OUT_OF_NOTES
        ]
        if self.text:
            notes.append({"id": "felt--tekst", "text": self.text})
        others = [item for item in request.get("note") or () if not str(item.get("id") or "").startswith("felt-")]
        if notes or others:
            request["note"] = [*others, *notes]
        return request

    @staticmethod
    def _coded(request: dict[str, Any], code: CodeValue) -> None:
        coding = {"system": code.system, "code": code.code, **({"display": code.display} if code.display else {})}
        held = request.setdefault("code", {}).setdefault("coding", [])
        if not any(item.get("system") == code.system and item.get("code") == code.code for item in held):
            held.append(coding)
