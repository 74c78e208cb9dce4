"""``tovholder serve``: gunicorn, and beside it the one worker that catches up the daily runs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import datetime
from typing import Any

import typer

from tovholder.cli import setup

WORKER_PAUSE = 30.0


def serve(
    port: int = typer.Option(8000, help="Port."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
) -> None:
    """Serve pages and API; catches up the daily runs first."""
    setup.django()
    run_daily()
    start(host, port)


def daily_jobs() -> dict[str, Any]:
    """What runs once a day, in order."""
    from tovholder.cockpit import flags
    from tovholder.monitoring import contributions

    def run_flags(moment: datetime) -> str:
        patients, raised, cleared = flags.run_all(moment)
        return f"{patients} patients, {raised} raised, {cleared} cleared"

    def run_monitor(moment: datetime) -> str:
        patients, rows = contributions.run_all(moment)
        return f"{patients} patients, {rows} contributions"

    return {"flags": run_flags, "monitor": run_monitor}


def run_daily() -> list[str]:
    """Finish what bulk loads left and run what today still lacks."""
    from tovholder.access import system_context
    from tovholder.jobs import daily
    from tovholder.store import bulk

    if bulk.waiting():
        bulk.derive_pending(system_context(setup.now(), "derive"))
    return daily.catch_up(daily_jobs(), setup.now())


def worker() -> None:
    """The daily runs, for as long as the server lives."""
    setup.django()
    import structlog
    from django.db import close_old_connections

    log = structlog.get_logger(__name__)
    parent = os.getppid()
    while os.getppid() == parent:
        try:
            run_daily()
        except Exception:
            log.exception("daily run failed; tried again shortly")
        close_old_connections()
        for _ in range(int(WORKER_PAUSE)):
            if os.getppid() != parent:
                return
            time.sleep(1)


def start(host: str, port: int) -> None:
    """Run gunicorn in this process until it is told to stop."""
    from django.conf import settings
    from gunicorn.app.base import BaseApplication

    class Server(BaseApplication):  # type: ignore[misc] # gunicorn tells no types
        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"{host}:{port}",
                "worker_class": "gthread",
                "workers": settings.ENV.workers,
                "threads": settings.ENV.threads,
                "timeout": 60,
                "graceful_timeout": 20,
                "max_requests": 0,
                "accesslog": None,  # an access log holds paths and query strings
                "loglevel": "warning",
                "when_ready": _start_worker,
                "on_exit": _stop_worker,
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from django.core.wsgi import get_wsgi_application

            return get_wsgi_application()

    from django.db import connections

    connections.close_all()  # workers are forked: each opens its own
    Server().run()


_worker: subprocess.Popen[bytes] | None = None


def _start_worker(server: Any) -> None:
    global _worker
    _worker = subprocess.Popen([sys.executable, "-m", "tovholder.cli.main", "worker"])


def _stop_worker(server: Any) -> None:
    if _worker is not None:
        _worker.terminate()
        _worker.wait(timeout=10)
