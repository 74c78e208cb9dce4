"""The WSGI application gunicorn serves: the API has a handler of its own (api/lane.py), pages have Django's."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

import django
from django.core.handlers.wsgi import WSGIHandler

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tovholder.config.settings")
django.setup(set_prefix=False)

from tovholder.api.lane import ApiHandler  # noqa: E402 # after the set-up

_api, _pages = ApiHandler(), WSGIHandler()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Answer one request."""
    path = environ.get("PATH_INFO", "")
    if path == "/fhir" or path.startswith("/fhir/"):
        return _api(environ, start_response)
    return _pages(environ, start_response)
