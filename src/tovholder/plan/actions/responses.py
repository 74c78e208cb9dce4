"""Answers to a package's questionnaires: checked, stored, and their measurements taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tovholder import forms, store
from tovholder.access import Context, Role
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem, forbidden, rule
from tovholder.fhir.references import patient_of
from tovholder.packages import Package
from tovholder.packages.model import Form
from tovholder.plan import course, resources
from tovholder.store import UnitOfWork

AGAIN = timedelta(minutes=2)
Given = Mapping[str, Any]  # linkId → one answer or several


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was stored of an answered questionnaire."""

    id: str
    form: str
    day: int
    answers: Mapping[str, Sequence[Any]]
    scores: tuple[forms.Scored, ...]
    measurements: tuple[str, ...]  # ids of the Observations taken from the answers


def form_of(held: Package, form_id: str) -> Form:
    """A form of the package, or Problem(INVALID) that names those there are."""
    found = held.forms.get(form_id)
    if found is None:
        raise Problem(Category.NOT_FOUND, f"The package has these forms: {', '.join(sorted(held.forms))}")
    return found


def record_needs_assessment(ctx: Context, *, patient_id: str, episode_id: str, answers: Given) -> Recorded:
    """Store the needs assessment of a course."""
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        _, value = course.episode(uow, patient_id, episode_id)
        if not value.phase.is_open:
            raise rule(
                "QuestionnaireResponse.extension('workflow-episodeOfCare')", "the course is closed", "an open course"
            )
        form_id = course.package(value.package).level.base.form
        return record_response(
            ctx, patient_id=patient_id, episode_id=episode_id, package=value.package, form_id=form_id, answers=answers
        )


def record_response(
    ctx: Context, *, patient_id: str, episode_id: str | None, package: str, form_id: str, answers: Given
) -> Recorded:
    """Store answers to a form of the package, and the measurements its marked questions give.

    Raises Problem(INVALID) with one issue per question when answers are missing or cannot be true, and
    Problem(FORBIDDEN) when the form is not for this role to fill in.
    """
    form = form_of(course.package(package), form_id)
    if ctx.role is not Role.SYSTEM and str(ctx.role) not in form.scoring.filled_by:
        raise forbidden(
            "QuestionnaireResponse.author", "this form is not yours to fill in", ", ".join(form.scoring.filled_by)
        )
    told = {link_id: _list(value) for link_id, value in answers.items() if value is not None and value != ""}
    given = forms.normalise(form, told)
    issues = forms.check(form, given)
    if issues:
        raise Problem(
            Category.INVALID, "Some answers are missing or cannot be used", issues, kept="your answers, not yet stored"
        )
    with store.unit_of_work(ctx, patients=[patient_id]) as uow:
        if episode_id is not None:
            course.episode(uow, patient_id, episode_id)
        author = ctx.actor if "/" in ctx.actor else None
        response = resources.response_resource(
            patient_id=patient_id,
            questionnaire=form.canonical,
            items=forms.items_of(form, given),
            authored=ctx.now,
            author=author,
            source=author,
            episode_id=episode_id,
        )
        _not_just_now(uow, response, ctx)
        stored = uow.create(response)
        hand = uow.as_system("forms")  # the answerer may not write measurements; the form may
        taken = forms.extract(form, given, patient_id=patient_id, at=ctx.now, response_id=stored.id, performer=author)
        ids = tuple(hand.create(item).id for item in taken)
        return Recorded(stored.id, form_id, days.day_of(ctx.now), given, forms.score(form, given), ids)


def _not_just_now(uow: UnitOfWork, response: dict[str, Any], ctx: Context) -> None:
    """The same answers of the same person within two minutes are one sending: a double press, or two windows."""
    patient = patient_of(response) or ""
    for item in course.about(uow.as_system("forms"), "QuestionnaireResponse", patient):
        same = all(item.get(name) == response.get(name) for name in ("questionnaire", "item", "author", "extension"))
        if same and ctx.now - days.parse_instant(item["authored"]) < AGAIN:
            issue = Issue(
                "QuestionnaireResponse", "the same answers were stored just now", "other answers", "duplicate"
            )
            raise Problem(Category.CONFLICT, "The answers are stored already", [issue], kept="the answers, once")


def _list(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
