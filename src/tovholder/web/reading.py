"""Gathers what one page needs: the course as plan tells it, the flags, and the names of those who stand in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tovholder import store
from tovholder.access import Context
from tovholder.base.errors import Category, Problem
from tovholder.cockpit import queries as cockpit_queries
from tovholder.cockpit.ranking import OpenFlag
from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.plan.queries import episode_view
from tovholder.plan.values import Appointment, Episode
from tovholder.plan.views import EpisodeView

Resource = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Course:
    """One course with its flags, the patient's number, and what to call the people and places named in it."""

    view: EpisodeView
    cpr: str
    flags: tuple[OpenFlag, ...]
    names: Mapping[str, str]

    @property
    def patient_id(self) -> str:
        """Whose course it is."""
        return self.view.patient.id

    @property
    def package(self) -> Package:
        """The package it follows."""
        return self.view.package

    @property
    def episode(self) -> Episode:
        """The course itself."""
        return self.view.episode

    def appointment(self, identity: str) -> Appointment | None:
        """One of its appointments."""
        return next((item for item in self.view.appointments if item.id == identity), None)


def course(ctx: Context, patient_id: str, package: str) -> Course:
    """The patient's course in a package. Raises Problem(NOT_FOUND) when there is none or it is not theirs to see."""
    view = episode_view(ctx, patient_id, package)
    flags = cockpit_queries.open_flags(ctx, [view.episode.id] if view.episode.id else [])
    wanted = {view.decision.decided_by} if view.decision else set()
    if view.plan and view.plan.confirmed_by:
        wanted.add(view.plan.confirmed_by)
    wanted |= {f"Organization/{item.organization_id}" for item in view.appointments if item.organization_id}
    return Course(
        view=view,
        cpr=cpr_of(store.read(ctx, "Patient", patient_id).resource),
        flags=flags.get(view.episode.id or "", ()),
        names=names(ctx, wanted),
    )


def cpr_of(patient: Resource) -> str:
    """The CPR number as people write it; empty when there is none."""
    for item in patient.get("identifier", ()):
        value = str(item.get("value", ""))
        if item.get("system") == systems.CPR and len(value) == 10:
            return f"{value[:6]}-{value[6:]}"
    return ""


def names(ctx: Context, references: Iterable[str]) -> dict[str, str]:
    """What to call people and organisations of the directory; those not there are left out."""
    return {reference: name for reference in sorted(set(references)) if (name := name_of(ctx, reference))}


def called(ctx: Context, references: Iterable[str]) -> dict[str, str]:
    """The same for many, in one question to each part of the directory."""
    wanted: dict[str, set[str]] = {}
    for reference in references:
        kind, _slash, identity = reference.partition("/")
        if kind in ("Practitioner", "Organization") and identity:
            wanted.setdefault(kind, set()).add(identity)
    found: dict[str, str] = {}
    for kind, ids in wanted.items():
        for item in store.search_all(ctx, kind, [("_id", ",".join(sorted(ids)))]):
            held = item.resource
            name = str(held.get("name", "")) if kind == "Organization" else cockpit_queries.full_name(held)
            if name:
                found[f"{kind}/{item.id}"] = name
    return found


def name_of(ctx: Context, reference: str) -> str:
    """What a person or organisation in the directory is called; empty when it is not there."""
    kind, _slash, identity = reference.partition("/")
    if kind not in ("Practitioner", "Organization") or not identity:
        return ""
    resource = directory(ctx, kind, identity)
    if resource is None:
        return ""
    return str(resource.get("name", "")) if kind == "Organization" else cockpit_queries.full_name(resource)


def directory(ctx: Context, kind: str, identity: str) -> Resource | None:
    """An entry of the directory; None when it is not there."""
    try:
        return store.read(ctx, kind, identity).resource
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return None
        raise
