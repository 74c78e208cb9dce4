"""Short texts kept encrypted and signed under a key, such as what somebody had typed."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings


def seal(text: str, key: str) -> str:
    """The text, readable with this key and the server's together."""
    return _fernet(key).encrypt(text.encode()).decode()


def unseal(sealed: str, key: str) -> str | None:
    """The text again; None when it was sealed under another key, or changed."""
    try:
        return _fernet(key).decrypt(sealed.encode()).decode()
    except InvalidToken:
        return None


def _fernet(key: str) -> Fernet:
    made = hashlib.blake2b(key.encode(), key=hashlib.sha256(settings.SECRET_KEY.encode()).digest(), digest_size=32)
    return Fernet(base64.urlsafe_b64encode(made.digest()))
