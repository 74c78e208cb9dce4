"""What this server can do for apps and systems, and the keys it signs with (SMART App Launch 2.2 §conformance)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from tovholder.access.smart import keys, scopes
from tovholder.access.smart.domain import ASSERTION_ALGORITHMS, ID_TOKEN_ALGORITHMS, Method
from tovholder.api.smart.oauth import answer, endpoint, root_of
from tovholder.api.smart.token import GRANT_TYPES

CAPABILITIES = (
    "authorize-post",
    "client-confidential-asymmetric",
    "client-confidential-symmetric",
    "client-public",
    "context-banner",
    "context-ehr-encounter",
    "context-ehr-patient",
    "context-standalone-patient",
    "launch-ehr",
    "launch-standalone",
    "permission-offline",
    "permission-online",
    "permission-patient",
    "permission-user",
    "permission-v1",
    "permission-v2",
    "sso-openid-connect",
)
# What is told of the scopes; the grammar takes every type, action and search parameter.
SCOPES = (
    *sorted(scopes.SPECIAL),
    *(f"{level}/*.{actions}" for level in (scopes.PATIENT, scopes.USER, scopes.SYSTEM) for actions in ("cruds", "rs")),
)
_HOUR = 3600


def configuration(root: str) -> dict[str, Any]:
    """The document, of this server's address; also what OpenID Connect Discovery §3 asks."""
    told: dict[str, Any] = {
        "issuer": root,
        "jwks_uri": f"{root}/smart/jwks",
        "authorization_endpoint": f"{root}/smart/authorize",
        "token_endpoint": f"{root}/smart/token",
        "introspection_endpoint": f"{root}/smart/introspect",
        "revocation_endpoint": f"{root}/smart/revoke",
        "management_endpoint": f"{root}/smart/apps",
        "token_endpoint_auth_methods_supported": [str(method) for method in Method],
        "token_endpoint_auth_signing_alg_values_supported": list(ASSERTION_ALGORITHMS),
        "grant_types_supported": list(GRANT_TYPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "scopes_supported": list(SCOPES),
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": list(ID_TOKEN_ALGORITHMS),
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "fhirUser", "profile"],
        "capabilities": list(CAPABILITIES),
    }
    if settings.ENV.registration:
        told["registration_endpoint"] = f"{root}/smart/register"
    return told


@endpoint("GET")
def smart_configuration(request: HttpRequest) -> HttpResponse:
    """/.well-known/smart-configuration, of the server and of the FHIR base."""
    return answer(configuration(root_of(request)), cached=_HOUR)


@endpoint("GET")
def jwks(request: HttpRequest) -> HttpResponse:
    """Our public keys."""
    return answer(keys.published(timezone.now()), cached=300)
