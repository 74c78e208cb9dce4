"""Owns what a plan led to: activities done or missed, appointments, referrals' round trips, calls made."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth import words
from tovholder.demo.synth.organisations import Clinic, Place
from tovholder.fhir import systems as s
from tovholder.packages import Package
from tovholder.plan.domain import ActivityStatus
from tovholder.plan.resources import (
    activity_resource,
    appointment_resource,
    referral_resource,
)
from tovholder.plan.resources.extensions import Json
from tovholder.plan.schedule import PlannedActivity
from tovholder.plan.values import Activity, Appointment, Episode, Referral
from tovholder.referral.domain import Status, StopReason

_START_TALK = "opstart-samtale"
_BOOK_AHEAD = 120  # days before a due day that a time may be booked


class StepWriter:
    """Writes one person's steps. Everything after today is booked or planned, never done."""

    def __init__(
        self,
        dice: random.Random,
        ids: Ids,
        clinic: Clinic,
        package: Package,
        episode: Episode,
        today: int,
    ) -> None:
        self._dice = dice
        self._ids = ids
        self._clinic = clinic
        self._package = package
        self._episode = episode
        self._today = today
        self._referrals: dict[str, Referral] = {}

    def activities(self, planned: Iterable[PlannedActivity], confirmed: int, ended: int | None) -> list[Activity]:
        """The activities of a plan confirmed on a day, as they stand today (or on the day the course ended)."""
        return [self._activity(one, confirmed, ended) for one in planned]

    @property
    def others_still_at_it(self) -> bool:
        """Whether somebody outside the clinic is still asked to do something."""
        waiting = (Status.REQUESTED, Status.ACCEPTED, Status.IN_PROGRESS)
        return any(held.status in waiting for held in self._referrals.values())

    def _activity(self, one: PlannedActivity, confirmed: int, ended: int | None) -> Activity:
        identity = self._ids()
        receiver = self._receiver(one.performer, one.referral or one.kind)
        until = self._today if ended is None else ended
        status, done = ActivityStatus.ACTIVE, None
        if one.referral and receiver is not None:
            status, done = self._refer(identity, one.referral, receiver, one.performer, confirmed, until)
        elif one.due_day <= until and self._dice.random() < 0.7:
            done = min(until, max(confirmed, one.due_day + round(self._dice.gauss(-2, 9))))
            status = ActivityStatus.COMPLETED
        if ended is not None and status is not ActivityStatus.COMPLETED:
            status = ActivityStatus.REVOKED
        inside = one.performer in ("gp", "nurse", "patient")
        performer = self._clinic.place.id if inside else None
        if identity in self._referrals and receiver is not None:
            performer = receiver.id
        return Activity(
            id=identity,
            patient_id=self._episode.patient_id,
            episode_id=self._episode.id or "",
            plan_id=None,
            package=self._package.id,
            kind=one.kind,
            title=one.title.da,
            status=status,
            performer_kind=one.performer,
            due_day=one.due_day,
            window_start_day=one.window_start_day,
            window_end_day=one.window_end_day,
            done_day=done,
            performer_id=performer,
            authored_day=self._referrals[identity].sent_day if identity in self._referrals else confirmed,
        )

    def _receiver(self, performer: str, kind: str) -> Place | None:
        return {
            "gp": self._clinic.place,
            "nurse": self._clinic.place,
            "hospital": self._clinic.department(kind),
            "prevention": self._clinic.prevention,
            "physio": self._clinic.physio,
            **self._clinic.practices,
        }.get(performer)

    def _refer(
        self, request: str, kind: str, receiver: Place, receiver_kind: str, confirmed: int, until: int
    ) -> tuple[ActivityStatus, int | None]:
        """The round trip up to today: sent soon after the plan, started within the right or late, done or stopped."""
        sent = min(confirmed + self._dice.randrange(4), until)
        answered = sent + 1 + self._dice.randrange(7)
        started = sent + max(4, round(self._dice.gauss(16, 7)))
        ended = started + 55 + self._dice.randrange(40)
        accepted: int | None = answered
        why: tuple[StopReason, str] | None = None
        chance = self._dice.random()
        if chance < 0.06:  # nobody answers
            accepted, started, ended = None, until + 1, until + 1
        elif chance < 0.10 and answered <= until:
            accepted, started, ended, why = None, until + 1, answered, words.OUTSIDE
        elif chance < 0.20 and started + 20 <= until:
            ended, why = started + 1 + self._dice.randrange(until - started), self._dice.choice(words.STOPS)
        if accepted is not None and (accepted > until or accepted > started):
            accepted = started if started <= until else None
        status = Status.REQUESTED
        if why is not None:
            status = Status.REJECTED if why is words.OUTSIDE else Status.CANCELLED
        elif ended <= until:
            status = Status.COMPLETED
        elif started <= until:
            status = Status.IN_PROGRESS
        elif accepted is not None:
            status = Status.ACCEPTED
        self._referrals[request] = Referral(
            id=self._ids(),
            patient_id=self._episode.patient_id,
            episode_id=self._episode.id,
            request_id=request,
            kind=kind,
            receiver_id=receiver.id,
            receiver_kind=receiver_kind,
            status=str(status),
            sent_day=sent,
            requester=self._clinic.place.workers[0].reference,
            accepted_day=accepted,
            started_day=started if started <= until else None,
            completed_day=ended if ended <= until else None,
            stop_reason=str(why[0]) if why else None,
            stop_text=why[1] if why else "",
            title=self._package.referral(kind).title.da,
        )
        if status is Status.COMPLETED:
            return ActivityStatus.COMPLETED, ended
        # A refused one stays open in the plan: somebody else must be asked.
        return (ActivityStatus.REVOKED if status is Status.CANCELLED else ActivityStatus.ACTIVE), None

    def physiotherapy(self, confirmed: int, ended: int | None) -> list[Activity]:
        """A referral beside the package's own activities, for some of those who need close coordination."""
        known = next((held for held in self._package.referrals if "physio" in held.receiver_kinds), None)
        if known is None or self._dice.random() >= 0.4:
            return []
        request, receiver = self._ids(), self._clinic.physio
        until = self._today if ended is None else ended
        status, done = self._refer(request, known.id, receiver, "physio", confirmed, until)
        if ended is not None and status is not ActivityStatus.COMPLETED:
            status = ActivityStatus.REVOKED
        sent = self._referrals[request].sent_day
        return [
            Activity(
                id=request,
                patient_id=self._episode.patient_id,
                episode_id=self._episode.id or "",
                plan_id=None,
                package=self._package.id,
                kind=known.id,
                title=known.title.da,
                status=status,
                performer_kind="physio",
                due_day=None,
                window_start_day=sent,
                done_day=done,
                performer_id=receiver.id,
                authored_day=sent,
            )
        ]

    def written(self, made: Iterable[Activity]) -> Iterator[Json]:
        """The activities with their referrals and appointments, as resources."""
        for activity in made:
            referral = self._referrals.get(activity.id or "")
            request = activity_resource(activity, intent="order" if referral else "plan")
            if referral and referral.requester:
                request["requester"] = {"reference": referral.requester}
            yield request
            if referral:
                yield referral_resource(referral)
                yield from self._offered(activity, referral)
            else:
                yield from self._appointments(activity)

    def _offered(self, activity: Activity, referral: Referral) -> Iterator[Json]:
        """What the receiver shares: the first meeting, and the next one while the offer runs."""
        place = self._receiver(activity.performer_kind, activity.kind)
        if place is None:
            return
        if referral.started_day is not None and self._dice.random() < 0.8:
            yield self._meeting(activity, place, "fulfilled", referral.started_day)
        ahead = referral.status == Status.IN_PROGRESS or (referral.status == Status.ACCEPTED)
        if ahead and activity.status is not ActivityStatus.REVOKED and self._dice.random() < 0.7:
            yield self._meeting(activity, place, "booked", self._today + 1 + self._dice.randrange(20))

    def _appointments(self, activity: Activity) -> Iterator[Json]:
        place = self._receiver(activity.performer_kind, activity.kind)
        if place is None or activity.status is ActivityStatus.REVOKED:
            return
        if activity.done_day is not None:
            if self._dice.random() < 0.8:
                yield self._meeting(activity, place, "fulfilled", activity.done_day)
            return
        due = activity.due_day if activity.due_day is not None else self._today
        if due > self._today:
            if due - self._today <= _BOOK_AHEAD and self._dice.random() < 0.7:
                yield self._meeting(activity, place, "booked", due)
            return
        yield from self._missed(activity, place, min(due, self._today - 1))

    def _missed(self, activity: Activity, place: Place, due: int) -> Iterator[Json]:
        """Past its day and not done: stayed away, cancelled, nobody told what happened, or never booked at all."""
        chance = self._dice.random()
        if chance < 0.42:
            yield self._meeting(activity, place, "noshow", due)
            if self._dice.random() < 0.5:
                yield self._meeting(activity, place, "booked", self._today + 2 + self._dice.randrange(40))
        elif chance < 0.60:
            yield self._meeting(activity, place, "cancelled", due)
        elif chance < 0.80:
            yield self._meeting(activity, place, "booked", due, unknown=True)

    def around(
        self,
        *,
        offered: int | None,
        started: int | None,
        last_visit: int | None,
        open_course: bool,
    ) -> Iterator[Json]:
        """What stands beside the plan: the last control before the course, the first talk, calls to those who wait."""
        place = self._clinic.place
        if last_visit is not None:
            yield self._appointment(f"{self._package.id}-aarsstatus", place, "fulfilled", last_visit, episode=False)
        if started is not None:
            if self._dice.random() < 0.6:
                yield self._appointment(_START_TALK, place, "fulfilled", started)
        elif offered is not None and open_course:
            if offered < self._today - 14 and self._dice.random() < 0.4:
                yield self._appointment(_START_TALK, place, "noshow", min(offered + 10, self._today - 1))
            elif self._dice.random() < 0.6:
                yield self._appointment(
                    _START_TALK,
                    place,
                    "booked",
                    self._today + 1 + self._dice.randrange(21),
                )
        waited = self._today - (self._episode.eligible_day or self._today)
        if open_course and started is None and waited > 20 and self._dice.random() < 0.45:
            yield self._attempt(self._today - self._dice.randrange(min(waited, 60)))

    def _meeting(
        self,
        activity: Activity,
        place: Place,
        status: str,
        day: int,
        *,
        unknown: bool = False,
    ) -> Json:
        return self._appointment(
            activity.kind,
            place,
            status,
            day,
            activity=activity.id,
            title=activity.title,
            unknown=unknown,
        )

    def _appointment(
        self,
        kind: str,
        place: Place,
        status: str,
        day: int,
        *,
        activity: str | None = None,
        title: str = "",
        unknown: bool = False,
        episode: bool = True,
    ) -> Json:
        begin = self._time(day)
        why = self._dice.choice(words.CANCELS) if status == "cancelled" else None
        return appointment_resource(
            Appointment(
                id=self._ids(),
                patient_id=self._episode.patient_id,
                kind=kind,
                title=title or self._package.kind_title(kind, "da"),
                status=status,
                start=begin,
                end=begin + timedelta(minutes=20 if place.kind == "gp" else 45),
                created_day=min(self._today, day - 7 - self._dice.randrange(30)),
                organization_id=place.id,
                episode_id=self._episode.id if episode else None,
                activity_id=activity,
                cancel_reason=str(why[0]) if why else None,
                cancel_text=why[1] if why else "",
                cancelled_by=str(why[2]) if why else None,
                outcome_unknown=unknown,
            )
        )

    def _time(self, day: int) -> datetime:
        """A working time of that day, or of the Monday after."""
        date = days.date_of(day)
        if date.weekday() > 4 and day > self._today:
            date += timedelta(days=7 - date.weekday())
        return datetime.combine(
            date,
            time(8 + self._dice.randrange(8), self._dice.choice((0, 20, 40))),
            days.COPENHAGEN,
        )

    def _attempt(self, day: int) -> Json:
        """A call about a course nobody has started."""
        outcome = self._dice.choice(("no-answer", "no-answer", "left-message", "reached"))
        made: Json = {
            "resourceType": "Communication",
            "id": self._ids(),
            "status": "completed",
            "subject": {"reference": f"Patient/{self._episode.patient_id}"},
            "sent": days.instant_text(self._time(day)),
            "medium": [
                {
                    "coding": [{"system": s.CHANNEL_SYSTEM, "code": "phone"}],
                    "text": "Telefon",
                }
            ],
            "sender": {"reference": self._clinic.place.workers[-1].reference},
            "extension": [
                {
                    "url": s.EPISODE_OF_CARE_EXTENSION,
                    "valueReference": {"reference": f"EpisodeOfCare/{self._episode.id}"},
                },
                {"url": s.extension_url("flag-rule"), "valueCode": f"{self._package.id}-not-started"},
                {"url": s.extension_url("outcome"), "valueCode": outcome},
            ],
        }
        return made
