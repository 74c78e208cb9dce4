"""Login providers in processes of their own, and a browser of Django's that logs in at them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from django.test import Client

from lib.oidc_provider import CLIENT, SECRET
from tovholder.access import issuers
from tovholder.cli.beside import serving

OURS = Path(__file__).with_name("oidc_provider.py")
METADATA = "/.well-known/openid-configuration"


@dataclass(frozen=True)
class Provider:
    """One that runs."""

    url: str

    def control(self, **told: Any) -> None:
        """Tell our own what to do next."""
        requests.post(f"{self.url}/control", json=told, timeout=10).raise_for_status()

    def plain(self) -> None:
        """No lies any more."""
        self.control(lie="", since=0, client_key=None, metadata={}, userinfo={})

    @property
    def asked(self) -> dict[str, str]:
        """What our own was last asked for a login."""
        found: dict[str, str] = requests.get(f"{self.url}/asked", timeout=10).json()
        return found


@contextmanager
def ours() -> Iterator[Provider]:
    """Our small provider."""
    with serving([sys.executable, str(OURS), "{port}"], METADATA) as port:
        yield Provider(f"http://127.0.0.1:{port}")


# It logs whom it knows, which is its own affair and no part of what we log.
MOCK = """
import logging, oidc_provider_mock
from werkzeug.serving import run_simple
logging.disable(logging.CRITICAL)
run_simple("127.0.0.1", {port}, oidc_provider_mock.app(), threaded=True)
"""


@contextmanager
def mock() -> Iterator[Provider]:
    """oidc-provider-mock, a real provider from PyPI."""
    with serving([sys.executable, "-c", MOCK], METADATA) as port:
        yield Provider(f"http://127.0.0.1:{port}")


def row(provider: Provider, name: str, kind: str, more: str = "") -> str:
    """A table of the file of issuers."""
    return (
        f'[[issuer]]\nid = "{name}"\nkind = "{kind}"\n'
        f'title = {{ da = "Log ind med {name}", en = "Log in with {name}" }}\n'
        f'issuer = "{provider.url}"\nclient_id = "{CLIENT}"\n'
        + ("" if "key_file" in more else 'secret_env = "PROVIDER_SECRET"\n')
        + f"{more}\n"
    )


def use(text: str, folder: Path = Path()) -> None:
    """Put the issuers in force in this process."""
    issuers.use(issuers.load(text, "login.toml", {"PROVIDER_SECRET": SECRET}, folder=folder, loopback=True))


def leaves(client: Client, issuer: str, then: str = "") -> str:
    """The browser is sent to the provider, which sends it back: the address it comes back to."""
    sent = client.get(f"/login/hos/{issuer}", {"next": then} if then else {})
    assert sent.status_code == 302, sent.content
    return through(sent["Location"])


def through(url: str) -> str:
    """The address a provider sends the browser back to."""
    answer = requests.get(url, allow_redirects=False, timeout=10)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def comes_back(client: Client, address: str) -> Any:
    """The browser comes back to us."""
    parts = urlsplit(address)
    return client.get(parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()})


def logs_in(client: Client, issuer: str, then: str = "") -> Any:
    """There and back."""
    return comes_back(client, leaves(client, issuer, then))
