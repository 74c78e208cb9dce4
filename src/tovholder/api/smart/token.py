"""Tokens: got (RFC 6749 §3.2), asked about (RFC 7662) and taken back (RFC 7009)."""

from __future__ import annotations

from authlib.oauth2.rfc6749.errors import UnauthorizedClientError, UnsupportedGrantTypeError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tovholder.access.smart import proof, tokens
from tovholder.access.smart.domain import Method, Use
from tovholder.api.smart.oauth import answer, client_of, endpoint, form, needed

GRANT_TYPES = ("authorization_code", "refresh_token", "client_credentials")


@endpoint("POST")
def token(request: HttpRequest) -> HttpResponse:
    """A code, a refresh token, or a system's own proof, for an access token."""
    params = form(request)
    kind = needed(params, "grant_type")
    if kind == "refresh_token" and "client_id" not in params:
        # An app in the open may leave out who it is (RFC 6749 §6): it is whoever the token was given to.
        params |= tokens.public_holder(params.get("refresh_token", ""))
    client, now = client_of(request, params), timezone.now()
    if kind not in GRANT_TYPES:
        raise UnsupportedGrantTypeError(kind)
    if (kind == "client_credentials") != (client.use is Use.SYSTEM):
        raise UnauthorizedClientError(description="not a grant type of this client")
    if kind == "authorization_code":
        code, redirect = needed(params, "code"), needed(params, "redirect_uri")
        return answer(tokens.exchange(client, code, redirect, needed(params, "code_verifier"), now))
    if kind == "refresh_token":
        return answer(tokens.refresh(client, needed(params, "refresh_token"), params.get("scope", ""), now))
    return answer(tokens.for_system(client, needed(params, "scope"), now))


@endpoint("POST")
def introspect(request: HttpRequest) -> HttpResponse:
    """What a token stands for; for clients that prove who they are."""
    params = form(request)
    client = client_of(request, params)
    if client.method is Method.PUBLIC:
        raise proof.refused()
    return answer(tokens.introspect(client, needed(params, "token"), timezone.now()))


@endpoint("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """Take a token back. What is no token of the client's is answered alike (RFC 7009 §2.2)."""
    params = form(request)
    client = client_of(request, params)
    tokens.revoke(client, needed(params, "token"), timezone.now())
    return answer({})
