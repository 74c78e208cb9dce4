"""The addresses of a change of practice, and of leaving the system and coming back."""

from __future__ import annotations

from django.urls import path

from tovholder.web.views import handover, sharing

_PATIENT = "klinik/patient/<str:patient_id>/"

PATHS = [
    path("klinik/overdragelser", handover.listed, name="handovers"),
    path(f"{_PATIENT}overdragelse", handover.one, name="handover"),
    path(f"{_PATIENT}flyttet", handover.moved, name="moved"),
    path(f"{_PATIENT}deling", sharing.clinic, name="sharing"),
    path("minplan/deling", sharing.own, name="minplan-sharing"),
]
