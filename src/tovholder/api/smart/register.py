"""Apps that register themselves (RFC 7591): only where the operator has set an initial access token, and for people only."""

from __future__ import annotations

import secrets
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tovholder.access import limits
from tovholder.access.smart import clients, scopes
from tovholder.access.smart.domain import APP_ROLES, ID_TOKEN_ALGORITHMS, Client, Method, Use
from tovholder.api.smart.oauth import answer, endpoint, error
from tovholder.base import json
from tovholder.base.errors import Category, Problem, not_found

_METHODS = (Method.PUBLIC, Method.PRIVATE_KEY)
_GRANTS = frozenset({"authorization_code", "refresh_token"})
_LARGEST = 50_000


@endpoint("POST")
def register(request: HttpRequest) -> HttpResponse:
    """Register an app; an operator still decides whether it is approved beforehand."""
    token: str = settings.ENV.registration
    if not token:
        raise not_found("That address")
    now = timezone.now()
    limits.attempt("register", now, address=limits.address_of(request))
    scheme, _, given = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme.lower() != "bearer" or not secrets.compare_digest(given.strip().encode(), token.encode()):
        response = error("invalid_token", "an initial access token is needed", 401)
        response.headers["WWW-Authenticate"] = 'Bearer realm="tovholder", error="invalid_token"'
        return response
    try:
        told = json.loads(request.body[: _LARGEST + 1])
    except Problem:
        return error("invalid_client_metadata", "the content is no JSON")
    if not isinstance(told, dict) or len(request.body) > _LARGEST:
        return error("invalid_client_metadata", "the content is no JSON object, or too large")
    try:
        made = clients.add(_wish(told), now).client
    except Problem as problem:
        if problem.category is not Category.INVALID:
            raise
        code = "invalid_redirect_uri" if problem.issues[0].path == "redirects" else "invalid_client_metadata"
        return error(code, "; ".join(f"{issue.path}: {issue.expected}" for issue in problem.issues))
    return answer(_told(made, now.timestamp()), 201)


def _wish(told: dict[str, Any]) -> Client:
    redirects = _texts(told.get("redirect_uris"))
    method = told.get("token_endpoint_auth_method", str(Method.PRIVATE_KEY))
    if method not in _METHODS or not set(_texts(told.get("grant_types"))) <= _GRANTS:
        raise Problem(Category.INVALID, "Only apps for people register themselves, without a shared secret")
    algorithm = told.get("id_token_signed_response_alg", ID_TOKEN_ALGORITHMS[0])
    jwks = told.get("jwks")
    wished = scopes.parse(str(told.get("scope", "")))
    return Client(
        id="",
        name=str(told.get("client_name", "")),
        use=Use.APP,
        method=Method(method),
        roles=APP_ROLES,
        redirects=redirects,
        launch=str(told.get("initiate_login_uri", "")),
        origins=clients.origins_of(redirects) if method == Method.PUBLIC else (),
        scopes=str(scopes.at_levels(wished, scopes.PATIENT, scopes.USER)),
        jwks=json.dumps(jwks).decode() if jwks is not None else "",
        jwks_uri=str(told.get("jwks_uri", "")),
        algorithm=str(algorithm),
    )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(item) for item in value[:20]) if isinstance(value, list) else ()


def _told(made: Client, moment: float) -> dict[str, Any]:
    told: dict[str, Any] = {
        "client_id": made.id,
        "client_id_issued_at": int(moment),
        "client_name": made.name,
        "redirect_uris": list(made.redirects),
        "grant_types": sorted(_GRANTS),
        "response_types": ["code"],
        "token_endpoint_auth_method": str(made.method),
        "id_token_signed_response_alg": made.algorithm,
        "scope": made.scopes,
    }
    if made.launch:
        told["initiate_login_uri"] = made.launch
    if made.jwks_uri:
        told["jwks_uri"] = made.jwks_uri
    if made.jwks:
        told["jwks"] = json.loads(made.jwks)
    return told
