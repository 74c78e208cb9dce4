"""Owns one patient's course as resources: drawn days in, what the clinic's own actions would have written out."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time
from typing import Any, Protocol

import numpy as np

from tovholder.base import days
from tovholder.base.ids import Ids
from tovholder.demo.synth import steps, words
from tovholder.demo.synth.histories import END_REASONS, NEVER, Days, Histories
from tovholder.demo.synth.organisations import Clinic
from tovholder.fhir import systems as s
from tovholder.forms import items_of
from tovholder.packages import Package
from tovholder.plan.clock import Pause
from tovholder.plan.domain import EndReason, Level, Phase, PlanStatus
from tovholder.plan.inclusion import clock_for, evaluate_inclusion
from tovholder.plan.inputs import facts
from tovholder.plan.level import LevelProposal, propose_level
from tovholder.plan.record import Record
from tovholder.plan.resources import (
    decision_resource,
    episode_resource,
    goal_resource,
    plan_resource,
    proposal_resource,
    response_resource,
)
from tovholder.plan.resources.extensions import Json
from tovholder.plan.schedule import PlannedActivity, schedule
from tovholder.plan.values import Activity, Decision, Episode, Goal, Plan, Proposal

NEW_VERSION = 270  # days since the version in force replaced the one before it
_DERIVABLE = ("QuestionnaireResponse/", "Observation/")  # what R4 lets an Observation derive from


class State(Protocol):
    """What a course asks of how ill its people are."""

    @property
    def needs(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Person x 4 needs, 1-3."""

    @property
    def admissions(self) -> np.ndarray[Any, np.dtype[np.int64]]:
        """Hospital stays for an exacerbation in the last year."""


class CourseWriter:
    """Writes the courses of one clinic's people in one package."""

    def __init__(
        self,
        rng: np.random.Generator,
        ids: Ids,
        clinic: Clinic,
        package: Package,
        clinical: State,
        histories: Histories,
        today: int,
        *,
        end_reasons: Sequence[str] = END_REASONS,
        goals: Sequence[str] = words.GOALS,
        earlier: Package | None = None,
    ) -> None:
        self._end_reasons, self._goal_words = end_reasons, goals
        self._dice = random.Random(int(rng.integers(0, 2**62)))
        self._ids, self._clinic = ids, clinic
        self._package = self._current = package
        self._earlier = earlier
        self._clinical = clinical
        self._histories = histories
        self._today = today

    def patient(self, index: int, patient: Json) -> Json:
        """The Patient as it is now: dead or moved away when that ended the course."""
        reason = self._end_reason(index)
        if reason == "died":
            return patient | {"deceasedDateTime": days.iso(int(self._histories.ended[index]))}
        if reason == "moved-practice":  # to a clinic outside the demo
            return {key: value for key, value in patient.items() if key != "generalPractitioner"}
        return patient

    def last_day(self, index: int) -> int:
        """The last day anything is known of the person: the day of death or moving, else today."""
        gone = self._end_reason(index) in ("died", "moved-practice")
        return int(self._histories.ended[index]) if gone else self._today

    def condition(self, index: int, condition: Json) -> Json:
        """The diagnosis as it is now: refuted when that ended the course."""
        if self._end_reason(index) != "wrong-diagnosis":
            return condition
        return condition | {
            "clinicalStatus": {"coding": [{"system": s.CONDITION_CLINICAL, "code": "inactive"}]},
            "verificationStatus": {"coding": [{"system": s.CONDITION_VERIFICATION, "code": "refuted"}]},
        }

    def of(self, index: int, patient: Json, condition: Json, known: list[Json]) -> Iterator[Json]:
        """Everything of the person's course, each resource after those it points at where FHIR lets it."""
        when = self._histories.of(index)
        self._package = self._version(when)
        contacts = list(self._admissions(index, patient["id"], self.last_day(index)))
        yield from contacts
        episode = self._episode(index, when, patient, condition)
        walk = steps.StepWriter(self._dice, self._ids, self._clinic, self._package, episode, self._today)
        parts = list(self._parts(index, when, episode, Record((patient, *known, *contacts)), walk))
        if episode.phase is Phase.CONTINUING and walk.others_still_at_it:
            episode = replace(episode, phase=Phase.FURTHER)
        yield episode_resource(episode)
        yield from parts
        yield from walk.around(
            offered=when.offered,
            started=when.started,
            last_visit=_last_visit(known, when.eligible),
            open_course=episode.phase.is_open,
        )

    def _version(self, when: Days) -> Package:
        """The version of the package that was in force when the plan was agreed."""
        old = when.confirmed is not None and when.confirmed < self._today - NEW_VERSION
        return (self._earlier if old else None) or self._current

    def _parts(
        self, index: int, when: Days, episode: Episode, record: Record, walk: steps.StepWriter
    ) -> Iterator[Json]:
        """Assessment, proposed and decided level, plan with everything in it."""
        proposal: LevelProposal | None = None
        level: Level | None = None
        if when.assessed is not None:
            response = self._response(index, when.assessed, episode)
            yield response
            record = Record((*record.resources, response))
            proposal = propose_level(self._package, None, record, when.assessed)
            held = self._proposal(proposal, when.assessed, episode)
            yield proposal_resource(held)
            if when.decided is not None:
                decision = self._decision(index, when.decided, episode, held)
                level = decision.level
                yield decision_resource(decision)
        if when.drafted is not None and level is not None:
            grade = proposal.grade if proposal else None
            yield from self._plan(index, when, episode, level, grade, record, walk)

    def _end_reason(self, index: int) -> str | None:
        return (
            None
            if int(self._histories.ended[index]) >= NEVER
            else self._end_reasons[int(self._histories.end_reason[index]) % len(self._end_reasons)]
        )

    def _episode(self, index: int, when: Days, patient: Json, condition: Json) -> Episode:
        gp = self._clinic.place.workers[0].reference
        # As it looked the day it was included: death, moving and a refuted diagnosis came later.
        then = patient | {"generalPractitioner": [{"reference": f"Organization/{self._clinic.place.id}"}]}
        confirmed = {"coding": [{"system": s.CONDITION_VERIFICATION, "code": "confirmed"}]}
        active = {"coding": [{"system": s.CONDITION_CLINICAL, "code": "active"}]}
        record = Record(
            (
                then,
                condition | {"verificationStatus": confirmed, "clinicalStatus": active},
            )
        )
        rules = self._package.inclusion
        asked = facts(self._package, record, when.eligible) if rules.requires or rules.blocks else None
        inclusion = evaluate_inclusion(self._package, record.patient, record.diagnoses, when.eligible, asked)
        reasons = [reason.text.da for reason in inclusion.reasons]
        if rules.confirm is not None and when.started is not None:
            reasons.append(rules.confirm.da)
        pauses: tuple[Pause, ...] = ()
        if when.paused is not None:  # a course that ends ends its pause
            until = when.resumed if when.resumed is not None else when.ended
            pauses = (Pause(when.paused, until, self._dice.choice(words.WAITS)),)
        return Episode(
            id=self._ids(),
            patient_id=patient["id"],
            package=self._package.id,
            package_version=self._package.version,
            phase=self._phase(when),
            organization_id=self._clinic.place.id,
            condition_id=condition["id"],
            diagnosed_day=when.diagnosed,
            eligible_day=when.eligible,
            offered_day=when.offered,
            started_day=when.started,
            declined_day=when.declined,
            decline_reason=self._dice.choice(words.DECLINES) if when.declined is not None else None,
            decided_by=gp if when.declined is not None or when.started is not None else None,
            ended_day=when.ended,
            end_reason=self._end_reason(index),
            inclusion_reasons=tuple(reasons),
            clock=clock_for(self._package, diagnosed_day=when.diagnosed, inclusion_day=when.eligible),
            pauses=pauses,
            care_manager=gp if when.started is not None else None,
        )

    def _phase(self, when: Days) -> Phase:
        if when.ended is not None:
            return Phase.ENDED
        if when.declined is not None:
            return Phase.DECLINED
        if when.started is None:
            return Phase.ELIGIBLE
        return Phase.STARTUP if when.confirmed is None else Phase.CONTINUING

    def _response(self, index: int, day: int, episode: Episode) -> Json:
        base = self._package.level.base
        form = self._package.forms[base.form]
        needs = {
            link_id: [str(need)]
            for link_id, need in zip(base.link_ids, self._clinical.needs[index].tolist(), strict=False)
        }
        whole = self._dice.random() >= 0.05
        if not whole:
            needs.pop(self._dice.choice(base.link_ids), None)
        gp = self._clinic.place.workers[0].reference
        return response_resource(
            rid=self._ids(),
            patient_id=episode.patient_id,
            questionnaire=form.canonical,
            items=items_of(form, needs),
            authored=self._moment(day),
            author=gp,
            episode_id=episode.id,
            status="completed" if whole else "in-progress",
        )

    def _proposal(self, found: LevelProposal, day: int, episode: Episode) -> Proposal:
        """As the clinic's own proposal is stored."""
        reasons = [reason.text.da for reason in found.reasons]
        if found.incomplete is not None:
            reasons.append(found.incomplete.da)
        return Proposal(
            id=self._ids(),
            patient_id=episode.patient_id,
            episode_id=episode.id or "",
            level=found.level,
            made=self._moment(day),
            rule=f"{self._package.id}-level",
            rule_version=found.rule_version + (f"/{found.guideline}" if found.guideline else ""),
            reasons=tuple(reasons),
            unknown=found.unknown,
            inputs=found.inputs,
            blocked="; ".join(reason.text.da for reason in found.blocked) or None,
        )

    def _decision(self, index: int, day: int, episode: Episode, held: Proposal) -> Decision:
        level = held.level or Level.TWO
        why: str | None = None
        if held.level is None:
            why = "Intet forslag; vurderet i samtalen."
        elif self._histories.override[index]:
            level = Level(held.level - 1 if held.level > 1 else 2)
            why = self._dice.choice(words.OVERRIDES)
        sources = [item.source for item in held.inputs if item.source]
        return Decision(
            id=self._ids(),
            patient_id=episode.patient_id,
            episode_id=episode.id or "",
            level=level,
            decided_day=day,
            decided_by=self._clinic.place.workers[0].reference,
            organization_id=self._clinic.place.id,
            proposal_id=held.id,
            proposed_level=held.level,
            override_reason=why,
            rule_version=held.rule_version,
            review_day=days.add_months(day, self._package.level.review_months),
            derived_from=tuple(dict.fromkeys(source for source in sources if source.startswith(_DERIVABLE))),
        )

    def _plan(
        self,
        index: int,
        when: Days,
        episode: Episode,
        level: Level,
        grade: str | None,
        record: Record,
        walk: steps.StepWriter,
    ) -> Iterator[Json]:
        drafted = when.drafted or 0
        gp = self._clinic.place.workers[0].reference
        confirmed = when.confirmed
        planned: tuple[PlannedActivity, ...] = ()
        if confirmed is not None:
            asked = facts(self._package, record, confirmed, level=int(level))
            planned = schedule(
                self._package, int(level), grade, confirmed, asked, diagnosed_day=when.diagnosed
            ).activities
        plan_id = self._ids()
        goals = self._goals(index, confirmed, episode) if confirmed is not None else []
        yield from (goal_resource(goal) for goal in goals)
        made: list[Activity] = []
        if confirmed is not None:
            found = walk.activities(planned, confirmed, when.ended)
            if level is Level.THREE and all(one.performer != "physio" for one in planned):
                found += walk.physiotherapy(confirmed, when.ended)
            made = [replace(activity, plan_id=plan_id) for activity in found]
        status = PlanStatus.DRAFT if confirmed is None else PlanStatus.ACTIVE
        last = None if confirmed is None else days.add_months(confirmed, self._package.plan.horizon_months)
        if when.ended is not None:
            completed = self._end_reason(index) == EndReason.COMPLETED and confirmed is not None
            status, last = PlanStatus.COMPLETED if completed else PlanStatus.REVOKED, when.ended
        review = self._package.plan.review_months
        yield plan_resource(
            Plan(
                id=plan_id,
                patient_id=episode.patient_id,
                episode_id=episode.id or "",
                package=self._package.id,
                package_version=self._package.version,
                status=status,
                title=self._package.plan.title.da,
                made_day=drafted,
                author=gp,
                confirmed_day=confirmed,
                confirmed_by=gp if confirmed is not None else None,
                shared_day=confirmed,
                start_day=confirmed,
                end_day=last,
                review_day=days.add_months(confirmed, review) if confirmed is not None else None,
                no_goal_reason=self._dice.choice(words.NO_GOAL) if confirmed is not None and not goals else None,
                condition_ids=(episode.condition_id,) if episode.condition_id else (),
                goal_ids=tuple(goal.id for goal in goals if goal.id),
                activity_ids=tuple(activity.id for activity in made if activity.id),
            )
        )
        yield from walk.written(made)

    def _goals(self, index: int, day: int, episode: Episode) -> list[Goal]:
        if not self._histories.own_goal[index]:
            return []
        chosen = self._dice.sample(self._goal_words, 1 if self._dice.random() < 0.7 else 2)
        gp = self._clinic.place.workers[0].reference
        old = self._today - day > 200
        return [
            Goal(
                id=self._ids(),
                patient_id=episode.patient_id,
                episode_id=episode.id,
                text=text,
                achievement=self._dice.choice(("in-progress", "improving", "achieved", "no-change"))
                if old
                else "in-progress",
                expressed_by=f"Patient/{episode.patient_id}" if self._dice.random() < 0.75 else gp,
                start_day=day,
                target_day=days.add_months(day, self._dice.choice((3, 6, 12))),
                condition_ids=(episode.condition_id,) if episode.condition_id else (),
            )
            for text in chosen
        ]

    def _admissions(self, index: int, patient: str, until: int) -> Iterator[Json]:
        """Hospital stays for an exacerbation in the last year."""
        for _ in range(int(self._clinical.admissions[index])):
            begin = until - self._dice.randrange(20, 360)
            end = begin + self._dice.randrange(1, 9)
            yield {
                "resourceType": "Encounter",
                "id": self._ids(),
                "status": "finished",
                "class": {
                    "system": s.ACT_CODE,
                    "code": "IMP",
                    "display": "inpatient encounter",
                },
                "subject": {"reference": f"Patient/{patient}"},
                "period": {
                    "start": days.instant_text(self._moment(begin)),
                    "end": days.instant_text(self._moment(end)),
                },
                "reasonCode": [
                    {
                        "coding": [{"system": s.SKS_DIAGNOSIS, "code": "DJ441"}],
                        "text": "KOL med akut eksacerbation",
                    }
                ],
                "serviceProvider": {"reference": f"Organization/{self._clinic.hospital.id}"},
            }

    def _moment(self, day: int) -> datetime:
        return datetime.combine(
            days.date_of(day),
            time(8 + self._dice.randrange(8), self._dice.choice((0, 15, 30, 45))),
            days.COPENHAGEN,
        )


def _last_visit(known: list[Json], before: int) -> int | None:
    """The last day the person was measured before the course."""
    measured = (
        days.parse_day(item.get("effectiveDateTime")) for item in known if item["resourceType"] == "Observation"
    )
    return max((day for day in measured if day is not None and day < before), default=None)
