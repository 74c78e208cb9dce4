"""A real PostgreSQL server for tests and measurements: Debian's binaries, a temporary folder, a free port, gone with us.

    with Server.started(durable=True) as server:
        url = server.create("mine")

The server dies with the process that started it (the kernel sees to that, even after kill -9) and takes its folder
along when it is stopped in order.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from tovholder.database import programs

USER = "tovholder"
OLDEST = 15


class Missing(Exception):
    """PostgreSQL cannot be run here; says why and what to install."""


def binaries() -> Path:
    """The folder of the newest installed server. Raises Missing."""
    found = programs.newest("postgres")
    if found is None or found[1] < OLDEST:
        raise Missing(f"PostgreSQL {OLDEST} or newer is not installed (Debian: apt-get install postgresql)")
    return found[0].parent


def _as_server(*command: str) -> list[str]:
    """The command as a user PostgreSQL accepts; root it refuses. It dies with us."""
    drop = ["--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []
    return ["setpriv", *drop, "--pdeathsig=INT", *command]


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    port: int
    process: subprocess.Popen[bytes]
    home: Path
    durable: bool
    buffers: str

    @staticmethod
    @contextmanager
    def started(*, durable: bool = False, buffers: str = "64MB") -> Iterator[Server]:
        """A server of one's own until the block ends. Raises Missing.

        durable: fsync on, as in production. buffers: its page cache, in PostgreSQL's words.
        """
        place = binaries()
        home = Path(tempfile.mkdtemp(prefix="tovholder-pg-", dir="/tmp"))
        try:
            if os.geteuid() == 0:
                shutil.chown(home, "postgres", "postgres")
            setup = [str(place / "initdb"), "-D", str(home / "data"), "-U", USER, "-A", "trust", "-E", "UTF8"]
            made = subprocess.run(  # noqa: S603 # Debian's own program
                _as_server(*setup, "--locale=C.UTF-8", "--no-sync"),
                cwd=home,
                capture_output=True,
                text=True,
                check=False,
            )
            if made.returncode:
                raise Missing(f"initdb failed: {made.stderr.strip()[-300:]}")
            server = Server._run(place, home, durable, buffers)
            try:
                yield server
            finally:
                server.stop()
        finally:
            shutil.rmtree(home, ignore_errors=True)

    @staticmethod
    def _run(place: Path, home: Path, durable: bool, buffers: str, port: int = 0) -> Server:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
            port = probe.getsockname()[1]
        told = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": str(home),
            "max_connections": 120,
            "shared_buffers": buffers,
            "fsync": "on" if durable else "off",
            "synchronous_commit": "on" if durable else "off",
            "full_page_writes": "on" if durable else "off",
            "max_wal_size": "4GB" if durable else "512MB",
            "autovacuum": "on" if durable else "off",
            "log_min_messages": "fatal",
        }
        options = [item for key, value in told.items() for item in ("-c", f"{key}={value}")]
        process = subprocess.Popen(  # noqa: S603 # Debian's own program
            _as_server(str(place / "postgres"), "-D", str(home / "data"), *options),
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the tests, which then stop the server
        )
        server = Server(port, process, home, durable, buffers)
        for _ in range(600):
            if process.poll() is not None:
                with process.stderr or nullcontext(BytesIO()) as said:
                    told_why = said.read().decode(errors="replace")[-300:]
                raise Missing(f"PostgreSQL did not start: {told_why}")
            if server._answers():
                return server
            time.sleep(0.05)
        server.stop()
        raise Missing("PostgreSQL did not answer within 30 seconds")

    @contextmanager
    def again(self) -> Iterator[Server]:
        """The same server after it was killed: same folder, same port, recovered from its log."""
        self.process.wait(20)
        until = time.monotonic() + 20
        while True:
            try:
                server = Server._run(binaries(), self.home, self.durable, self.buffers, self.port)
                break
            except Missing:  # those it had started take a moment to notice that it is gone
                if time.monotonic() > until:
                    raise
                time.sleep(0.2)
        try:
            yield server
        finally:
            server.stop()

    def _answers(self) -> bool:
        import psycopg

        try:
            psycopg.connect(self.url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def url(self, name: str) -> str:
        """The address of a database, as TOVHOLDER_DATABASE_URL takes it."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/{name}"

    def create(self, name: str) -> str:
        """A new empty database; its address."""
        create(self.url("postgres"), name)
        return self.url(name)

    def stop(self) -> None:
        """Stop it in order, by its own process id."""
        if self.process.poll() is None:
            self.process.send_signal(2)  # SIGINT: fast shutdown
            try:
                self.process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.process.stderr is not None:
            self.process.stderr.close()


def create(url: str, name: str, template: str = "template1") -> None:
    """Make a database on the server of this address."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')


def drop(url: str, name: str) -> None:
    """Remove a database, whoever is still connected."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
