"""Clients that write and read without pause and remember what they were told; and the check that all of it is true."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from lib.serving import Server
from tovholder.access import audit_chain

ENTRIES = 10  # of each transaction Bundle


def person(family: str) -> dict[str, Any]:
    return {"resourceType": "Patient", "name": [{"family": family}], "gender": "female", "birthDate": "1950-01-01"}


def bundle(name: str) -> dict[str, Any]:
    """A patient and what was measured of them, to be stored together or not at all."""
    own = f"urn:uuid:{uuid.uuid4()}"
    measured = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": name},
        "subject": {"reference": own},
        "effectiveDateTime": "2027-01-01",
    }
    made = [(own, person(name)), *((f"urn:uuid:{uuid.uuid4()}", measured) for _ in range(ENTRIES - 1))]
    entries = [
        {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
        for url, one in made
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


@dataclass
class Told:
    """What clients were told was done."""

    created: set[str] = field(default_factory=set)  # ids
    bundles: set[str] = field(default_factory=set)  # ids of their patients
    requests: set[str] = field(default_factory=set)  # ids under which the trail must know them


class Clients:
    """Threads that create, send transactions and read until told to stop."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.told = Told()
        self.guard = threading.Lock()
        self._done = threading.Event()
        work: list[Callable[[], None]] = [self._create, self._create, self._transact, self._transact, self._read]
        self._threads = [threading.Thread(target=self._keep, args=(one,), daemon=True) for one in work]

    def __enter__(self) -> Clients:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join(60)

    def count(self) -> int:
        """How many requests have been acknowledged."""
        return len(self.told.requests)

    def wait_for(self, more: int, seconds: float) -> None:
        """Wait until so many more requests were acknowledged."""
        until, wanted = threading.Event(), self.count() + more
        for _ in range(int(seconds * 100)):
            if self.count() >= wanted:
                return
            until.wait(0.01)
        raise AssertionError(f"only {self.count() - wanted + more} of {more} requests were answered in {seconds} s")

    def _keep(self, work: Callable[[], None]) -> None:
        while not self._done.is_set():
            work()

    def _create(self) -> None:
        answer = self.server.ask("POST", "/fhir/Patient", person("Enkelt"))
        if answer is not None and answer.status == 201:
            with self.guard:
                self.told.created.add(answer.json["id"])
                self.told.requests.add(answer.request_id)
        elif answer is None:
            self._done.wait(0.02)

    def _transact(self) -> None:
        answer = self.server.ask("POST", "/fhir", bundle("Samlet"))
        if answer is not None and answer.status == 200:
            patient = answer.json["entry"][0]["response"]["location"].partition("Patient/")[2].partition("/")[0]
            with self.guard:
                self.told.bundles.add(patient)
                self.told.requests.add(answer.request_id)
        elif answer is None:
            self._done.wait(0.02)

    def _read(self) -> None:
        with self.guard:
            rid = next(iter(self.told.created), None)
        answer = self.server.ask("GET", f"/fhir/Patient/{rid}") if rid else None
        if answer is not None and answer.status == 200:
            with self.guard:
                self.told.requests.add(answer.request_id)
        else:
            self._done.wait(0.02)


def check(server: Server, clients: Clients) -> None:
    """Everything acknowledged is there, nothing is half, and the trail knows it all; straight from the database."""
    rows = server.home.rows
    with clients.guard:  # first: whoever goes on meanwhile is told of more
        told = Told(set(clients.told.created), set(clients.told.bundles), set(clients.told.requests))
    stored = {rid for (rid,) in rows("SELECT rid FROM store_resource WHERE type = 'Patient'")}
    assert told.created <= stored, f"{len(told.created - stored)} acknowledged creates are gone"
    assert told.bundles <= stored, f"{len(told.bundles - stored)} acknowledged Bundles are gone"
    measured = dict(
        rows("SELECT patient_id, COUNT(*) FROM store_resource WHERE type = 'Observation' GROUP BY patient_id")
    )
    assert set(measured.values()) <= {ENTRIES - 1}, "part of a transaction is there"
    assert told.bundles <= set(measured), "a patient of a Bundle is there without what was measured"
    ((resources, versions, patients, facts),) = rows(  # of one moment
        "SELECT (SELECT COUNT(*) FROM store_resource), (SELECT COUNT(*) FROM store_version),"
        " (SELECT COUNT(*) FROM store_resource WHERE type = 'Patient'), (SELECT COUNT(*) FROM fact_patient)"
    )
    assert (resources, patients) == (versions, facts), "rows of a write are missing"
    known = {request for (request,) in rows("SELECT request_id FROM access_auditevent")}
    assert told.requests <= known, f"{len(told.requests - known)} acknowledged requests are not in the trail"

    def query(sql: str, params: Sequence[Any]) -> Iterable[tuple[Any, ...]]:
        return rows(sql.replace("%s", "?"), *params)

    assert audit_chain.verify(query).broken is None
