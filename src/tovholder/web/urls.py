"""The pages' addresses. Paths hold opaque ids and codes alone; searches go by POST."""

from __future__ import annotations

from django.urls import path

from tovholder.web.urls_handover import PATHS as HANDOVER_PATHS
from tovholder.web.urls_partner import PATHS as PARTNER_PATHS
from tovholder.web.urls_patient import PATHS as PATIENT_PATHS
from tovholder.web.urls_referrals import PATHS as REFERRAL_PATHS
from tovholder.web.views import (
    access,
    clients,
    clinic,
    clinic_lists,
    cockpit,
    facts,
    followup,
    front,
    glass,
    log,
    login,
    minplan,
    monitoring,
    recall,
    smart,
    versions,
)
from tovholder.web.views.clinic_acts import ACTS
from tovholder.web.views.sheet import questionnaire

app_name = "web"

_COURSE = "klinik/patient/<str:patient_id>/<slug:package>/"

urlpatterns = [
    path("", front.front, name="front"),
    path("login/persona", front.persona, name="persona"),
    path("login/hos/<slug:issuer_id>", login.to_issuer, name="login-to"),
    path("login/hos/<slug:issuer_id>/retur", login.from_issuer, name="login-back"),
    path("login/hos/<slug:issuer_id>/afmeld", login.back_channel, name="login-ended"),
    path("login/rolle", login.hat, name="hat"),
    path("login/igen", login.again, name="login-again"),
    path("logud", login.log_out, name="logout"),
    path("logud/overalt", login.log_out_everywhere, name="logout-everywhere"),
    path("logget-ud", login.logged_out, name="logged-out"),
    path("sprog/", front.language, name="language"),
    path("smart/adgang/<str:request_id>", smart.consent, name="app-consent"),
    path("smart/apps", smart.given, name="apps"),
    path("drift/klienter", clients.everyone, name="clients"),
    path("drift/klienter/ny", clients.add, name="client-add"),
    path("drift/klienter/<str:client_id>", clients.one, name="client"),
    path("klinik/", cockpit.cockpit, name="cockpit"),
    path("klinik/liste.csv", cockpit.download, name="cockpit-csv"),
    path("klinik/visning", cockpit.save_view, name="view-save"),
    path("klinik/visning/<int:number>/fjern", cockpit.forget_view, name="view-forget"),
    path("klinik/i-dag", clinic_lists.today, name="today"),
    path("klinik/kontroller", clinic_lists.controls, name="controls"),
    path("klinik/indkaldelser", recall.page, name="recall"),
    path("klinik/indkaldelser/undtag", recall.exempt, name="recall-exempt"),
    path("klinik/indkaldelser/<str:round_id>", recall.one_round, name="recall-round"),
    path("klinik/indkaldelser/<str:round_id>/breve.pdf", recall.print_letters, name="recall-letters"),
    path("klinik/indkaldelser/<str:round_id>/liste.csv", recall.download, name="recall-csv"),
    path("klinik/ikke-foreslaaet", clinic_lists.excluded, name="excluded"),
    path("klinik/datakvalitet", clinic_lists.unknown, name="unknown"),
    path("klinik/pakker", versions.page, name="versions"),
    path("klinik/log", log.clinic, name="clinic-log"),
    path("klinik/log.csv", log.clinic_csv, name="clinic-log-csv"),
    path("klinik/vaerdispring", glass.listed, name="glass"),
    path("klinik/vaerdispring/<int:number>", glass.follow, name="glass-follow"),
    path("klinik/patient/<str:patient_id>/vaerdispring", glass.open_glass, name="glass-open"),
    path("klinik/patient/<str:patient_id>/vaerdispring/afslut", glass.end, name="glass-end"),
    *HANDOVER_PATHS,
    *PATIENT_PATHS,
    path(_COURSE, clinic.patient, name="patient"),
    path(_COURSE + "formular/<str:form_id>", questionnaire, name="form"),
    path(_COURSE + "opfoelgning", followup.follow_up, name="follow-up"),
    *REFERRAL_PATHS,
    path(_COURSE + "app", smart.launch, name="app-launch"),
    *[path(_COURSE + act.path, act.view, name=f"act-{act.name}") for act in ACTS],
    path("minplan/", minplan.page, name="minplan"),
    path("minplan/spaerringer", access.page, name="blocks"),
    path("minplan/spaerringer/<str:consent_id>/ophaev", access.end, name="block-end"),
    path("minplan/log", log.patient, name="minplan-log"),
    path("minplan/log.csv", log.patient_csv, name="minplan-log-csv"),
    path("minplan/log.json", log.patient_json, name="minplan-log-json"),
    path("minplan/<slug:package>/maal", minplan.add_goal, name="minplan-goal"),
    *PARTNER_PATHS,
    path("monitorering/", monitoring.page, name="monitoring"),
    path("monitorering/ret-til-plan.csv", monitoring.download, name="monitoring_csv"),
    path("monitorering/fakta", facts.page, name="facts"),
    path("monitorering/fakta.csv", facts.download, name="facts-csv"),
]
