"""``tovholder serve``: gunicorn, and beside it the one worker for queued jobs, daily runs and other duties."""

from __future__ import annotations

import errno
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, Any

import typer

from tovholder.base import collector
from tovholder.base.errors import Category, Problem
from tovholder.cli import setup
from tovholder.jobs import process

if TYPE_CHECKING:
    from tovholder.jobs.duties import Duty
    from tovholder.jobs.worker import Worker

WORKER_PAUSE = 5.0  # seconds between the start of a worker and that of the next, when it died
WORKER_GRACE = 8.0  # seconds the duties under way get when the server stops
SWITCH = 0.0005  # seconds a thread of the server runs before it lets another


def serve(
    port: int = typer.Option(8000, min=0, max=65535, help="Port."),
    host: str = typer.Option("127.0.0.1", help="Address to listen on."),
) -> None:
    """Serve pages and API; catches up the daily runs first."""
    setup.django()
    require_free(host, port)
    run_daily()
    start(host, port)


def daily_jobs() -> dict[str, Any]:
    """What runs once a day, in order."""
    from django.conf import settings

    from tovholder.access import sessions
    from tovholder.access.smart import upkeep
    from tovholder.cockpit import flags
    from tovholder.monitoring import contributions
    from tovholder.plan import due
    from tovholder.store import anchors, opening, pruning, sealing

    def run_inclusion(moment: datetime) -> str:
        patients, eligible = due.run_all(moment)
        return f"{patients} patients, {eligible} became eligible"

    def run_flags(moment: datetime) -> str:
        patients, raised, cleared = flags.run_all(moment)
        return f"{patients} patients, {raised} raised, {cleared} cleared"

    def run_monitor(moment: datetime) -> str:
        patients, rows = contributions.run_all(moment)
        return f"{patients} patients, {rows} contributions"

    def run_stated(moment: datetime) -> str:
        confirmed, failed = opening.check_stated(moment)
        return f"{confirmed} confirmed, {failed} not"

    def run_anchor(moment: datetime) -> str:
        sealing.seal_now(lambda: moment, patience=1)
        kept = anchors.anchor(moment, settings.ENV.anchors)
        return f"seal {kept.seal}, {kept.events} events" if kept else "nothing is sealed yet"

    def run_prune(moment: datetime) -> str:
        return f"{pruning.prune(moment, settings.ENV.audit_years)} events removed"

    def run_apps(moment: datetime) -> str:
        return f"{upkeep.run(moment)} codes, tokens and requests that had run out removed"

    def run_sessions(moment: datetime) -> str:
        return f"{sessions.tidy(moment)} sessions that had timed out removed"

    return {
        "inclusion": run_inclusion,  # before the flags, which ask about courses
        "flags": run_flags,
        "monitor": run_monitor,
        "stated": run_stated,
        "anchor": run_anchor,
        "prune": run_prune,
        "apps": run_apps,
        "sessions": run_sessions,
    }


def run_daily() -> list[str]:
    """Tell the packages there are as FHIR, finish what bulk loads left and run what today still lacks."""
    from tovholder.access import system_context
    from tovholder.jobs import daily
    from tovholder.plan import definitions
    from tovholder.store import bulk

    definitions.publish_once(system_context(setup.now(), definitions.ACTOR))
    if bulk.waiting():
        bulk.derive_pending(system_context(setup.now(), "derive"))
    return daily.catch_up(daily_jobs(), setup.now())


def duties(worker: Worker) -> list[Duty]:
    """What the one worker does, beside each other. A new periodic duty is a line here."""
    from tovholder import database
    from tovholder.jobs import reaper
    from tovholder.jobs.duties import Duty
    from tovholder.store import export, sealing

    return [
        Duty("seal", sealing.EVERY, sealing.Duty()),
        Duty("tidy", 0.5, lambda _: database.tidy()),
        Duty("queue", 1, lambda _: worker.work()),
        Duty("reaper", 5, reaper.reap),
        Duty("forget", 3600, reaper.forget),
        Duty("exports", 600, export.sweep),
        Duty("daily", 30, lambda _: run_daily()),
    ]


def worker(
    parent: int = typer.Option(..., help="Process id of the server; the worker ends when it does."),
) -> None:
    """Queued jobs, daily runs and other duties, for as long as the server lives."""
    setup.django()
    from tovholder.jobs import duties as periodic
    from tovholder.jobs.worker import Worker

    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    runner = Worker()
    threads = periodic.start(duties(runner), ended)
    while os.getppid() == parent and not ended.wait(0.5):
        pass
    ended.set()
    runner.close()  # the job under way goes back in line
    until = time.monotonic() + WORKER_GRACE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    # A duty that goes on is cut off like by a power cut; each bears that.


def require_free(host: str, port: int) -> None:
    """Raise Problem when nothing can listen there, before anybody has waited for the daily runs."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as gunicorn does
            probe.bind(address)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            message = f"Something else already uses port {port} on {host}; choose another, such as --port {port + 1}"
        else:
            told = getattr(error, "strerror", None) or str(error)
            message = f"Port {port} on {host} cannot be listened on: {told}; choose another with --port"
        raise Problem(Category.BUSY, message, kept="everything as it was; no server was started") from None


def start(host: str, port: int) -> None:
    """Run gunicorn in this process until it is told to stop."""
    from django.conf import settings
    from gunicorn.app.base import BaseApplication
    from gunicorn.arbiter import Arbiter

    class Keeper(Arbiter):  # type: ignore[misc] # gunicorn tells no types
        def manage_workers(self) -> None:  # called about once a second
            super().manage_workers()
            _keep_worker()

    class Server(BaseApplication):  # type: ignore[misc] # gunicorn tells no types
        def load_config(self) -> None:
            options: dict[str, Any] = {
                "bind": f"{host}:{port}",
                "worker_class": "tovholder.cli.intake.Worker",  # threads, and patience with slow clients
                "workers": settings.ENV.workers,
                "threads": settings.ENV.threads,
                "timeout": 60,
                "graceful_timeout": 20,
                "max_requests": 0,
                # The most gunicorn takes; below that our own limits are told in words (api/limits.py).
                "limit_request_line": 8190,
                "limit_request_field_size": 8190,
                "accesslog": None,  # an access log holds paths and query strings
                "loglevel": "warning",
                "when_ready": lambda _: _start_worker(),
                "on_exit": lambda _: _stop_worker(),
            }
            for name, value in options.items():
                self.cfg.set(name, value)

        def load(self) -> Any:
            from django.core.servers.basehttp import get_internal_wsgi_application

            # Every call into the database lets go of Python's one lock. With the usual 5 ms the thread that holds the
            # writer's turn would wait that long, at each statement, for threads that are busy reading requests.
            sys.setswitchinterval(SWITCH)
            application = get_internal_wsgi_application()  # settings.WSGI_APPLICATION
            collector.seldom()
            return application

        def run(self) -> None:
            Keeper(self).run()

    from tovholder import database

    database.never_make()
    database.disconnect()  # workers are forked: each opens its own
    Server().run()


_worker: subprocess.Popen[bytes] | None = None
_known_as = ""
_started = 0.0


def _start_worker() -> None:
    global _worker, _known_as, _started
    # A session of its own: Ctrl-C in the terminal is for the server, which then stops the worker.
    _worker = subprocess.Popen(  # noqa: S603 # our own command
        [sys.executable, "-m", "tovholder.cli.main", "worker", "--parent", str(os.getpid())], start_new_session=True
    )
    _known_as, _started = process.name(_worker.pid), time.monotonic()


def _keep_worker() -> None:
    """A worker that died is followed by another, not at once: it may be dying again and again."""
    if _worker is not None and process.is_gone(_known_as) and time.monotonic() - _started > WORKER_PAUSE:
        _start_worker()


def _stop_worker() -> None:
    global _worker
    if _worker is None:
        return
    stopping, _worker = _worker, None
    stopping.terminate()
    try:
        stopping.wait(timeout=WORKER_GRACE + 2)
    except subprocess.TimeoutExpired:
        stopping.kill()
