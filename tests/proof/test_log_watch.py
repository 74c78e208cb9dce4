"""That the look through the logs would find what it looks for: a run that logs a person fails, one that does not passes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from lib.log_watch import findings, people_of

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {("name", "Gyldenkrone"), ("address", "Rebslagerstien 8"), ("cpr", "0101609999")}

BODY = """
import logging, subprocess, sys
import pytest, structlog
from lib.people import patient, system
from tovholder import store

@pytest.mark.django_db
@pytest.mark.parametrize("name", {names})
def test_somebody_is_made(name):
    with store.unit_of_work(system()) as uow:
        uow.create(patient(None, name))

@pytest.mark.parametrize("code", {said})
def test_what_is_said(code):
    exec(code)
"""

# By the name that is told, how.
SAID = {
    "Gyldenkrone": "logging.getLogger('tovholder').warning('%s was not found', 'Gyldenkrone')",
    "Rosenkrantz": "try: raise ValueError('Fru Rosenkrantz')\nexcept ValueError: logging.exception('failed')",
    "Hvitfeldt": "subprocess.run([sys.executable, '-c', 'import sys; print(\"Hvitfeldt\", file=sys.stderr)'])",
    "Gyldenstierne": "subprocess.run([sys.executable, '-c', 'raise ValueError(\"Gyldenstierne\")'], capture_output=True)",
    "Bryske": "subprocess.run([sys.executable, '-c', 'raise ValueError(\"Bryske\")'], stderr=subprocess.DEVNULL)",
    "Trolle": "logger = logging.getLogger('quiet'); logger.propagate = False; logger.warning('Trolle')",
    "Krabbe": "structlog.get_logger('x').warning('moved', to='Krabbe')",
}


def run(folder: Path, said: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    text = BODY.replace("{names}", repr(list(SAID))).replace("{said}", repr(list(said.values())))
    (folder / "test_it.py").write_text(text, encoding="utf-8")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "TOVHOLDER_"))}
    environ |= {
        "TOVHOLDER_ENV": "test",
        "DJANGO_SETTINGS_MODULE": "tovholder.config.settings",
        "PYTHONPATH": str(ROOT / "tests"),
        "TOVHOLDER_HOME": str(folder),
    }
    plugin = ["-p", "lib.log_watch", "--rootdir", str(folder), "-c", os.devnull]
    command = [sys.executable, "-m", "pytest", "-q", *plugin, *options, str(folder)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_run_that_tells_of_somebody_fails(tmp_path: Path) -> None:
    done = run(tmp_path, SAID, "-n", "2")  # known in one process, said in another
    assert f"{2 * len(SAID)} passed" in done.stdout, done.stdout + done.stderr
    assert done.returncode == 1
    assert [name for name in SAID if f"a name: {name}" not in done.stdout] == []


@pytest.mark.slow
def test_a_run_that_tells_of_nobody_passes(tmp_path: Path) -> None:
    done = run(tmp_path, {"": "logging.getLogger('tovholder').warning('A patient was not found')"})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "none" in done.stdout


@pytest.mark.parametrize(
    "line",
    ["from 010160-9999 on", '{"cpr":"0101609999"}', "hos Gyldenkrone.", "x=Gyldenkrone&", "at Rebslagerstien 8, 1. tv"],
)
def test_a_person_is_found(line: str) -> None:
    assert findings([line], KNOWN)


@pytest.mark.parametrize(
    "line",
    [
        "request_id=3f0101609999ab",  # inside an opaque id
        "took 0.0101609999 s",
        "at 1763899426",  # the 63rd month
        "at 1763899426.5 and 20270301-0900",
        "Gyldenkroner",
        "1.2.208.176.1.4",
        "f0101609-9991-4a35",
    ],
)
def test_nobody_is_found_where_nobody_is(line: str) -> None:
    assert findings([line], KNOWN) == []


def test_who_a_resource_tells_of() -> None:
    told = {
        "identifier": [{"value": "010160-9999"}, {"value": "7"}],
        "name": [{"family": "Gyldenkrone", "given": ["Bo", "Prøve"], "text": "Bo Gyldenkrone"}],
        "address": [{"line": ["Rebslagerstien 8"], "city": "Ribe"}],
    }
    assert set(people_of(told)) == {*KNOWN, ("name", "Prøve")}
