"""The front-end's files are looked through once a process: every test client begins a chain of middleware of its own.

That a server finds them when it starts, and what it says of them, is as it was; only the second look gives what the
first one found, as long as the settings it depends on are the same.
"""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

_SETTINGS = ("STATIC_URL", "STATIC_ROOT", "STATICFILES_DIRS", "STATICFILES_FINDERS", "INSTALLED_APPS")
_OWN = ("static_prefix", "max_age", "charset", "index_file", "allow_all_origins", "add_headers_function")
_found: dict[str, dict[str, Any]] = {}


def pytest_configure(config: pytest.Config) -> None:
    """In every process that runs tests."""
    look: Any = WhiteNoiseMiddleware.add_files_from_finders

    def add_files_from_finders(self: WhiteNoiseMiddleware) -> None:
        told = [getattr(settings, name, None) for name in _SETTINGS] + [getattr(self, name) for name in _OWN]
        key = repr(told)
        if self.files or key not in _found:
            look(self)
            _found.setdefault(key, dict(self.files))
        else:
            self.files.update(_found[key])

    WhiteNoiseMiddleware.add_files_from_finders = add_files_from_finders
