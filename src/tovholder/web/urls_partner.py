"""The addresses of those who receive referrals: physiotherapists, chiropractors and others, and prevention."""

from __future__ import annotations

from django.urls import path

from tovholder.web.views import partner, partner_import, partner_onward, partner_patient

_PATIENT = "partner/patient/<str:patient_id>/"

PATHS = [
    path("partner/", partner.everybody, name="partner"),
    path("partner/aabn", partner.open_patient, name="partner-open"),
    path("partner/indlaes", partner_import.page, name="partner-import"),
    path(_PATIENT, partner_patient.page, name="partner-patient"),
    path(f"{_PATIENT}henvist/<str:referral_id>/videre/", partner_onward.choose, name="partner-onward"),
    path(f"{_PATIENT}henvist/<str:referral_id>/videre/<slug:kind>", partner_onward.refer, name="partner-refer"),
]
