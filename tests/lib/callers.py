"""Callers at the same time: threads that each do one thing, and what each of them was told."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from django.db import connections


class Callers:
    """Each in a thread and a connection of its own. told: by name, what the work gave or the error it raised."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        self._threads: list[threading.Thread] = []

    def call(self, name: str, work: Callable[[], Any]) -> None:
        """Begin one's work."""

        def run() -> None:
            try:
                self.told[name] = work()
            except BaseException as error:
                self.told[name] = error
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        self._threads.append(thread)
        thread.start()

    def wait(self) -> None:
        """Until all are done."""
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive()
