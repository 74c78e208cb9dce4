"""The addresses of those who take part beside the clinic: the same pages behind the door of each."""

from __future__ import annotations

from django.urls import path

from tovholder.web.areas import AREAS
from tovholder.web.views import partner, partner_import, partner_onward, partner_patient

_PATIENT = "patient/<str:patient_id>/"
_ON = f"{_PATIENT}henvist/<str:referral_id>/videre/"

PATHS = [
    path("partner/indlaes", partner_import.page, name="partner-import"),
    *(
        path(f"{area.name}/{below}", view[area.name], name=f"{area.name}{called}")
        for area in AREAS
        for below, view, called in (
            ("", partner.everybody, ""),
            ("aabn", partner.open_patient, "-open"),
            (_PATIENT, partner_patient.page, "-patient"),
            (_ON, partner_onward.choose, "-onward"),
            (f"{_ON}<slug:kind>", partner_onward.refer, "-refer"),
        )
    ),
]
