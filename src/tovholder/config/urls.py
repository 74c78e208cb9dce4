"""The URL table: FHIR under /fhir, apps' authorization under /smart, health under /healthz, pages under the rest."""

from __future__ import annotations

from django.urls import include, path

from tovholder.api import health

urlpatterns = [
    path("healthz", health.healthz),
    path("fhir", include("tovholder.api.urls")),
    path("", include("tovholder.api.smart.urls")),
    path("", include("tovholder.web.urls")),
]

handler400 = "tovholder.config.failures.bad_request"
handler404 = "tovholder.config.failures.unknown_address"
handler500 = "tovholder.config.failures.server_error"
