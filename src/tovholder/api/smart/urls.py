"""Addresses of the authorization server."""

from __future__ import annotations

from django.urls import path

from tovholder.api.smart import authorize, register, token, wellknown

urlpatterns = [
    path(".well-known/smart-configuration", wellknown.smart_configuration),
    path(".well-known/openid-configuration", wellknown.smart_configuration),
    path("smart/authorize", authorize.authorize, name="smart-authorize"),
    path("smart/token", token.token),
    path("smart/introspect", token.introspect),
    path("smart/revoke", token.revoke),
    path("smart/jwks", wellknown.jwks),
    path("smart/register", register.register),
]
