"""Everything the run logs, in every process of it, and at the end a look for anybody's name, number or address in it.

Caught are: each record any logger of ours or another's hands on in the tests' own processes, as it would be written;
what every Python process the tests start writes to standard error, and what a server writes to standard output, too;
and the Location, Content-Location and Link headers of every answer to a test's client. Known are the patients of the
demo and everybody who stood in a test's database as a Patient or RelatedPerson. With xdist each worker keeps a file of
each and the controller looks through all of them.
"""

from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from django.test.client import ClientHandler

FOLDER = "TEST_LOGS_OF_THE_RUN"  # the environment variable the workers of xdist learn it by
_HEADERS = ("Location", "Content-Location", "Link")
# Whose standard output nobody asked for.
_SERVERS = frozenset({"serve", "worker", "gunicorn"})

# A day, a month, a year, four digits: with a hyphen or without, and not inside a longer number, word or decimal.
CPR = re.compile(r"(?<![\w.-])(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])\d\d-?\d{4}(?![\w.]|-\w)")
WORD = re.compile(r"[^\W\d_]+")
# Patients of tests who have these names are called as the thing they try out is; a log speaks of the thing.
PLAIN = frozenset(
    {"Patient", "Person", "Test", "None", "Basic", "Observation", "Example", "Everyman", "Male", "Female"}
)


class Recorded:
    """One process's files: what was logged, and who is known."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.file = (folder / f"{name}-{os.getpid()}.log").open("a", encoding="utf-8", errors="replace")
        self.known: set[tuple[str, str]] = set()
        self.borrowed: list[tuple[str, int]] = []  # files others write to, open until the end

    def write(self, source: str, text: str) -> None:
        """Keep a line with where it came from."""
        with suppress(ValueError):  # closed: a daemon thread that outlived the run
            self.file.write(f"[{source}] {text}\n")
            self.file.flush()

    def close(self) -> None:
        """Read what others wrote, and write down who is known."""
        for source, number in self.borrowed:
            with open(number, "rb") as other:  # and closes it
                text = other.read().decode(errors="replace")
            self.write(source, _without_the_chooser(text) if " demo" in source else text)
        self.borrowed.clear()
        self.file.close()
        whom = (self.folder / f"{self.name}-{os.getpid()}.known.json").open("w", encoding="utf-8")
        with whom:
            json.dump(sorted(self.known), whom)


def _without_the_chooser(text: str) -> str:
    """What a demo said, but for the table of who one can be there, which it shows whoever started it: indented rows of
    a name and a title. What it logs begins with the time.
    """
    return "\n".join(line for line in text.splitlines() if not re.match(r"  \S.*? {2,}\S", line))


_recorded: Recorded | None = None
_named_ids = False  # whether the test now running sends resources whose publishers gave them people's names as ids
_restore: list[tuple[Any, str, Any]] = []


def pytest_configure(config: pytest.Config) -> None:
    """Begin: in the controller a folder, in every process that runs tests a file in it."""
    global _recorded
    if not hasattr(config, "workerinput"):
        os.environ[FOLDER] = tempfile.mkdtemp(prefix="tovholder-logs-")
    name = getattr(config, "workerinput", {}).get("workerid", "main")
    _recorded = Recorded(Path(os.environ[FOLDER]), name)
    _replace(logging.Logger, "callHandlers", _call_handlers(logging.Logger.callHandlers))
    _replace(ClientHandler, "__call__", _client(ClientHandler.__call__))
    _replace(subprocess, "Popen", _started(_recorded))


def _replace(owner: Any, name: str, new: Any) -> None:
    _restore.append((owner, name, getattr(owner, name)))
    setattr(owner, name, new)


def _call_handlers(original: Any) -> Any:
    def call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
        if _recorded is not None:
            _recorded.write(f"log {record.name}", written(record))
        original(self, record)

    return call_handlers


def written(record: logging.LogRecord) -> str:
    """The record as the server's own handler would write it; with all it holds where there is no such handler."""
    for handler in logging.getLogger().handlers:
        if type(handler.formatter).__module__.startswith("structlog"):
            with suppress(Exception):
                return handler.format(logging.makeLogRecord(vars(record)))
    return logging.Formatter().format(logging.makeLogRecord(vars(record)))


def _client(original: Any) -> Any:
    def answer(self: ClientHandler, environ: dict[str, Any]) -> Any:
        response = original(self, environ)
        for name in _HEADERS:
            if _recorded is not None and name in response.headers and not _named_ids:
                # The page after this one repeats what was asked; that is in the answer, to the one who asked.
                _recorded.write(f"header {name}", re.sub(r"\?[^>;,\s]*", "?", response.headers[name]))
        return response

    return answer


def _started(recorded: Recorded) -> type[subprocess.Popen[Any]]:
    class Started(subprocess.Popen[Any]):
        """A process whose words are kept beside where they go."""

        def __init__(self, args: Any, *rest: Any, **given: Any) -> None:
            words = [str(word) for word in args] if isinstance(args, list | tuple) else [str(args)]
            self._watched: list[str] = []
            if words[0] == sys.executable and not any("execnet" in word for word in words):
                self._watched = ["stderr", "stdout"] if _SERVERS & set(words[1:4]) else ["stderr"]
            self._name = " ".join(word for word in words[1:5] if len(word) < 40)
            with ExitStack() as own:
                for name in self._watched:
                    _watch(recorded, f"{name} of {self._name}", given, name, own)
                super().__init__(args, *rest, **given)

        def communicate(self, *rest: Any, **given: Any) -> Any:
            out, err = super().communicate(*rest, **given)
            for name, text in (("stdout", out), ("stderr", err)):
                if name in self._watched and text:
                    told = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
                    recorded.write(f"{name} of {self._name}", told)
            return out, err

    return Started


def _watch(recorded: Recorded, source: str, given: dict[str, Any], name: str, own: ExitStack) -> None:
    target = given.get(name)
    if target in (None, subprocess.DEVNULL):
        if target is None and name == "stdout":
            return  # to the terminal, as the test meant
        file = own.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 # closed by the stack
        given[name] = file
        recorded.borrowed.append((source, os.open(f"/proc/self/fd/{file.fileno()}", os.O_RDONLY)))
    elif hasattr(target, "fileno"):
        with suppress(OSError):
            recorded.borrowed.append((source, os.open(f"/proc/self/fd/{target.fileno()}", os.O_RDONLY)))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """An id chosen by who sends a resource is where it lies; published examples of "Patient/Poul" are no leak of ours."""
    global _named_ids
    _named_ids = item.get_closest_marker("named_ids") is not None


# -- who is known --------------------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Before its database is emptied, ask it who was in it."""
    names = getattr(item, "fixturenames", ())
    if _recorded is None or not (item.get_closest_marker("django_db") or {"db", "transactional_db"} & set(names)):
        return
    from django.db import connection

    # A test may leave a transaction that nobody can ask anything any more, or tables of another version.
    with suppress(Exception), connection.cursor() as cursor:
        cursor.execute(
            "SELECT v.body FROM store_resource AS r JOIN store_version AS v ON v.key = r.key"
            " WHERE r.type IN ('Patient', 'RelatedPerson')"
        )
        for (body,) in cursor.fetchall():
            if body:
                _recorded.known |= set(people_of(json.loads(bytes(body))))


def people_of(resource: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What tells who a person is: ("cpr", ten digits), ("name", a word of a name), ("address", a line of it)."""
    for identifier in _dicts(resource.get("identifier")):
        digits = str(identifier.get("value", "")).replace("-", "")
        if CPR.fullmatch(digits):
            yield "cpr", digits
    for name in _dicts(resource.get("name")):
        for part in [name.get("family"), name.get("text"), *(name.get("given") or ())]:
            for word in WORD.findall(part) if isinstance(part, str) else ():
                if is_telling(word):
                    yield "name", word
    for address in _dicts(resource.get("address")):
        for line in [*(address.get("line") or ()), address.get("text")]:
            if isinstance(line, str) and re.search(r"\w{4,}\s+\d", line):
                yield "address", line


def is_telling(word: str) -> bool:
    """Whether a word of somebody's name is one that nothing else is called: four letters, written as a name."""
    return len(word) >= 4 and word[0].isupper() and word[1:].islower() and word not in PLAIN


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def of_the_demo() -> Iterator[tuple[str, str]]:
    """The demo's patients, whose servers have databases of their own: every name its population can draw."""
    from tovholder.demo import newcomer, personas
    from tovholder.demo.synth import names

    for persona in personas.PATIENTS:
        yield "address", persona.address
        for word in (*persona.given, persona.family):
            yield "name", word
    for words in (names.GIVEN, names.FAMILY):
        for word in _texts(words):
            yield "name", word
    for word in newcomer.NAME.split():
        yield "name", word


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield from (word for word in WORD.findall(value) if is_telling(word))
    elif isinstance(value, tuple | list) and value:
        for one in value:
            yield from _texts(one)


# -- the look ------------------------------------------------------------------------------------------------------


def findings(lines: Iterable[str], known: set[tuple[str, str]]) -> list[tuple[str, str]]:
    """(what was found, the line) for every line that tells who somebody is; any CPR-shaped number counts, made or not."""
    names = {value for kind, value in known if kind == "name" and value not in PLAIN}
    addresses = sorted({value for kind, value in known if kind == "address"})
    found: list[tuple[str, str]] = []
    for line in lines:
        told = [("a CPR number", hit) for hit in CPR.findall(line)]
        told += [("a name", word) for word in WORD.findall(line) if word in names]
        told += [("an address", address) for address in addresses if address in line]
        found += [(f"{what}: {value}", line.rstrip()) for what, value in told]
    return found


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker closes its files; the controller looks through everybody's."""
    global _recorded
    if _recorded is None:
        return
    while _restore:
        owner, name, original = _restore.pop()
        setattr(owner, name, original)
    recorded, _recorded = _recorded, None
    recorded.close()
    if hasattr(session.config, "workerinput"):
        return
    folder = recorded.folder
    known = set(of_the_demo())
    for path in folder.glob("*.known.json"):
        known |= {(kind, value) for kind, value in json.loads(path.read_text(encoding="utf-8"))}
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in sorted(folder.glob("*.log"))]
    lines = [line for text in logs for line in text.splitlines()]
    session.config.stash[_RESULT] = (len(lines), len(known), findings(lines, known), str(folder))
    if session.config.stash[_RESULT][2] and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


_RESULT = pytest.StashKey[tuple[int, int, list[tuple[str, str]], str]]()


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was looked through, and every find."""
    if _RESULT not in config.stash:
        return
    lines, known, found, folder = config.stash[_RESULT]
    if found:
        terminalreporter.section("people in the logs", red=True)
        for what, line in found[:40]:
            terminalreporter.write_line(f"{what}\n    {line[:300]}")
        terminalreporter.write_line(f"{len(found)} in all; everything that was logged stands in {folder}")
    else:
        terminalreporter.write_line(
            f"logs of the run: {lines:,} lines looked through for any CPR number and {known:,} names and addresses: none"
        )
        for path in Path(folder).glob("*"):
            path.unlink()
        Path(folder).rmdir()
