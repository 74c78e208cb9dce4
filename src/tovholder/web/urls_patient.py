"""The addresses of the pages about one patient over all packages, of a plan's changes, of medicine, and of levels decided."""

from __future__ import annotations

from django.urls import path

from tovholder.web.views import drift, medicine, merged, patient, plan_edit, plan_history

_PATIENT = "klinik/patient/<str:patient_id>/"
_PLAN = f"{_PATIENT}<slug:package>/plan/"

PATHS = [
    path("klinik/afvigelser", drift.page, name="level-drift"),
    path(_PATIENT, patient.overview, name="overview"),
    path(f"{_PATIENT}tidslinje", patient.timeline, name="timeline"),
    path(f"{_PATIENT}maalinger", patient.measurements, name="measurements"),
    path(f"{_PATIENT}samlet-plan", merged.page, name="merged"),
    path(f"{_PATIENT}<slug:package>/medicin", medicine.page, name="medicine"),
    path(f"{_PLAN}ret", plan_edit.edit, name="plan-edit"),
    path(f"{_PLAN}historie", plan_history.history, name="plan-history"),
]
