"""A small OpenID Connect provider for what oidc-provider-mock cannot do, run as a process of its own: it keeps to PKCE,
private_key_jwt, prompt=login with auth_time, acr, several keys and back-channel logout, and lies when it is told to.

POST /control takes a JSON object that is merged into what it does: ``claims`` of whoever logs in next, ``lie`` (what is
wrong with the next id_tokens), ``since`` (seconds since they proved who they are), ``client_key`` (public JWK).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from joserfc import jwk, jwt

SECRET = "the-clients-secret"
CLIENT = "tovholder"


class State:
    """What it knows, shared by its threads."""

    def __init__(self) -> None:
        self.guard = threading.Lock()
        self.keys = [jwk.RSAKey.generate_key(2048, {"kid": "first"})]
        self.stranger = jwk.RSAKey.generate_key(2048, {"kid": "first"})
        self.codes: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, int] = {}
        self.told: dict[str, Any] = {"claims": {"sub": "anybody"}, "lie": "", "since": 0, "client_key": None}
        self.asked: dict[str, str] = {}


STATE = State()


def id_token(issuer: str, code: dict[str, Any], access_token: str) -> str:
    """An id_token, or the lie that was asked for."""
    lie, now = STATE.told["lie"], int(time.time())
    claims = {
        "iss": issuer,
        "aud": CLIENT,
        "exp": now + 300,
        "iat": now,
        "nonce": code["nonce"],
        "auth_time": code["since"],
        "sid": "session-1",
        "at_hash": _half(access_token),
        **code["claims"],
    }
    changes: dict[str, dict[str, Any]] = {
        "issuer": {"iss": "http://127.0.0.1:1"},
        "audience": {"aud": "another"},
        "audiences": {"aud": [CLIENT, "another"]},
        "azp": {"azp": "another"},
        "expired": {"exp": now - 600},
        "old": {"iat": now - 3600},
        "future": {"iat": now + 3600},
        "not-yet": {"nbf": now + 3600},
        "nonce": {"nonce": "another"},
        "at_hash": {"at_hash": _half("another")},
        "words": {"exp": "tomorrow"},
    }
    claims |= changes.get(lie, {})
    for name in {"no-nonce": ["nonce"], "no-sub": ["sub"], "no-auth_time": ["auth_time"]}.get(lie, []):
        claims.pop(name, None)
    key = STATE.keys[-1]
    header = {"alg": "RS256", "kid": key.kid}
    if lie == "none":
        head, body = ({"alg": "none"}, claims)
        return f"{_b64(json.dumps(head).encode())}.{_b64(json.dumps(body).encode())}."
    if lie == "wrong-key":
        return jwt.encode(header, claims, STATE.stranger)
    if lie == "symmetric":  # signed with what everybody knows: the public key as a secret
        told = ".".join(_b64(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": key.kid}, claims))
        signature = hmac.new(key.as_pem(private=False), told.encode(), hashlib.sha256).digest()
        return f"{told}.{_b64(signature)}"
    if lie == "unknown-kid":
        return jwt.encode({"alg": "RS256", "kid": "nobody"}, claims, key)
    token = jwt.encode(header, claims, key)
    if lie == "changed":
        head, _, signature = token.split(".")
        return f"{head}.{_b64(json.dumps(claims | {'sub': 'somebody-else'}).encode())}.{signature}"
    return token


def logout_token(issuer: str, subject: str, lie: str) -> str:
    """What the provider sends when somebody has logged out."""
    event = {} if lie == "no-event" else {"http://schemas.openid.net/event/backchannel-logout": {}}
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": CLIENT,
        "iat": now,
        "exp": now + 120,
        "jti": secrets.token_hex(8),
        "sub": subject,
        "events": event,
    }
    if lie == "nonce":
        claims["nonce"] = "x"
    key = STATE.stranger if lie == "wrong-key" else STATE.keys[-1]
    return jwt.encode({"alg": "RS256", "kid": STATE.keys[-1].kid}, claims, key)


def _half(text: str) -> str:
    return _b64(hashlib.sha256(text.encode()).digest()[:16])


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Handler(BaseHTTPRequestHandler):
    """Its addresses."""

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/.well-known/openid-configuration":
            self._json(self._metadata())
        elif parts.path == "/jwks":
            self._json({"keys": [key.as_dict(private=False) | {"use": "sig"} for key in STATE.keys]})
        elif parts.path == "/authorize":
            self._authorize(query)
        elif parts.path == "/userinfo":
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            found = STATE.tokens.get(token)
            self._json(found or {}, 200 if found else 401)
        elif parts.path == "/asked":
            self._json(STATE.asked)
        elif parts.path == "/end":
            self.send_response(302)
            self.send_header("Location", query["post_logout_redirect_uri"])
            self.end_headers()
        else:
            self._json({}, 404)

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.path == "/control":
            with STATE.guard:
                STATE.told |= json.loads(raw)
                if STATE.told.pop("rotate", False):
                    kid = secrets.token_hex(4)
                    STATE.keys = [*STATE.keys[-1:], jwk.RSAKey.generate_key(2048, {"kid": kid})]
            self._json(STATE.told)
        elif self.path == "/logout-token":
            told = json.loads(raw)
            self._json({"token": logout_token(self.issuer, told["sub"], told.get("lie", ""))})
        elif self.path == "/token":
            self._token({name: values[0] for name, values in parse_qs(raw.decode()).items()})
        else:
            self._json({}, 404)

    def _metadata(self) -> dict[str, Any]:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "jwks_uri": f"{self.issuer}/jwks",
            "end_session_endpoint": f"{self.issuer}/end",
            "authorization_response_iss_parameter_supported": True,
        }
        return told | STATE.told.get("metadata", {})

    def _authorize(self, query: dict[str, str]) -> None:
        STATE.asked = query
        assert query["response_type"] == "code" and query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(8)
        now = int(time.time())
        fresh = query.get("prompt") == "login" and STATE.told["lie"] != "stale"
        STATE.codes[code] = {
            "nonce": query["nonce"],
            "challenge": query["code_challenge"],
            "redirect": query["redirect_uri"],
            "claims": dict(STATE.told["claims"]),
            "since": now if fresh else now - int(STATE.told["since"]),
        }
        back = {"code": code, "state": query["state"], "iss": self.issuer}
        if STATE.told["lie"] == "answer-issuer":
            back["iss"] = "http://127.0.0.1:1"
        if STATE.told["lie"] == "no-answer-issuer":
            del back["iss"]
        self.send_response(302)
        self.send_header("Location", f"{query['redirect_uri']}?{urlencode(back)}")
        self.end_headers()

    def _token(self, form: dict[str, str]) -> None:
        code = STATE.codes.pop(form.get("code", ""), None)
        verifier = form.get("code_verifier", "")
        right = (
            code is not None
            and self._client(form)
            and form.get("redirect_uri") == code["redirect"]
            and _b64(hashlib.sha256(verifier.encode()).digest()) == code["challenge"]
        )
        if code is None or not right:
            self._json({"error": "invalid_grant"}, 400)
            return
        access_token = secrets.token_urlsafe(8)
        STATE.tokens[access_token] = {"sub": code["claims"].get("sub"), **STATE.told.get("userinfo", {})}
        told = {"access_token": access_token, "token_type": "Bearer", "expires_in": 60}
        self._json(told | {"id_token": id_token(self.issuer, code, access_token)})

    def _client(self, form: dict[str, str]) -> bool:
        if STATE.told["client_key"] is not None:
            try:
                key = jwk.import_key(STATE.told["client_key"])
                claims = jwt.decode(form.get("client_assertion", ""), key, algorithms=["RS256", "ES256"]).claims
            except Exception:
                return False
            ours = claims["iss"] == claims["sub"] == CLIENT and claims["exp"] > time.time()
            return ours and f"{self.issuer}/token" in (claims["aud"], *claims["aud"])
        wanted = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        return self.headers.get("Authorization") == f"Basic {wanted}"

    def _json(self, value: Any, status: int = 200) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
