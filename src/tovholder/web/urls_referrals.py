"""The addresses of referrals: the form of each kind, one referral's way, and the clinic's list."""

from __future__ import annotations

from django.urls import path

from tovholder.web.views import referral_form, referrals

_COURSE = "klinik/patient/<str:patient_id>/<slug:package>/"

PATHS = (
    path("klinik/henvisninger", referrals.listed, name="referrals"),
    path(_COURSE + "henvisning/", referrals.choose, name="referral-new"),
    path(_COURSE + "henvisning/<slug:kind>", referral_form.refer, name="refer"),
    path(_COURSE + "henvist/<str:referral_id>", referrals.one, name="referral"),
)
