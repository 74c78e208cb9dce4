"""A second process over a record, which a test tells what to do there: ``with held(home) as hand: hand("close", "anna")``.

What it does is done by the same functions the commands and pages call, in another process than those that answer.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lib.homes import Home

TESTS = Path(__file__).resolve().parents[1]


class Hand:
    """Its acts by name; each answers when it is done."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def __call__(self, act: str, *given: Any) -> Any:
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([act, *given]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the hand ended"
        answer = json.loads(line)
        assert "error" not in answer, answer["error"]
        return answer["told"]


@contextmanager
def held(home: Home) -> Iterator[Hand]:
    """A hand over this record."""
    environ = home.environ | {"PYTHONPATH": f"{TESTS}:{sys.path[0]}" if sys.path[0] else str(TESTS)}
    process = subprocess.Popen(
        [sys.executable, "-m", "lib.hand"], env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Hand(process)
    finally:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()


# -- in the process ------------------------------------------------------------------------------------------------------


class Acts:
    """What can be done; every name is an act."""

    def __init__(self) -> None:
        from lib.people import system
        from tovholder.base.clock import system_clock

        self.now = system_clock
        self.system = lambda: system(system_clock())

    def put(self, *resources: Any) -> None:
        """Store resources under the ids they have."""
        from tovholder import store

        with store.unit_of_work(self.system()) as uow:
            for one in resources:
                uow.update(one)

    def person(self, name: str, role: str, organization: str, patient: str = "") -> str:
        """A user in a role, and a token of theirs."""
        from tovholder.access import Role, people
        from tovholder.access.people import Persona

        people.save_persona(Persona(name, name, "", Role(role), organization, "" if patient else f"p-{name}", patient))
        return people.make_token(name, self.now())

    def relative_session(self, number: str) -> dict[str, str]:
        """A session of somebody known by a CPR number alone, who is nothing but what others let them be."""
        from django.conf import settings
        from django.test import RequestFactory

        from tovholder.access import generation, hats, persons, sessions
        from tovholder.access.models import User

        user = User.objects.create(username=number, display_name="x", person=persons.person_of(number))
        generation.bump()
        found = hats.who(str(user.pk))
        assert found is not None
        request = RequestFactory().get("/")
        request.session = sessions.SessionStore()
        sessions.begin(request, sessions.Login(str(user.pk)), self.now(), hat=found.hats[0].key)
        return {settings.SESSION_COOKIE_NAME: str(request.session.session_key)}

    def end_role(self, name: str) -> None:
        from tovholder.access import staff
        from tovholder.access.models import Assignment

        staff.end(self.system(), name, Assignment.objects.get(user__username=name).pk)

    def close(self, name: str) -> None:
        from tovholder.access import staff

        staff.close(self.system(), name)

    def log_out(self, name: str) -> None:
        from tovholder.access import staff

        staff.log_out(self.system(), name)

    def app(self, name: str, organization: str, patient: str) -> dict[str, str]:
        """An app's tokens, given by a doctor."""
        from lib import smart
        from tovholder.access import Role

        client = smart.app()
        asking = smart.Asking(client)
        person = smart.Person.of(Role.GP, organization, name=name)
        code = asking.code(person, "launch/patient patient/*.rs offline_access", patient=patient)
        answer: dict[str, str] = asking.exchange(code).json()
        return answer | {"client": client.id}

    def backend(self) -> dict[str, str]:
        """A system's token."""
        from lib import smart

        key, jwks = smart.keys()
        client = smart.backend(jwks)
        told: dict[str, str] = smart.ask(
            "/smart/token", grant_type="client_credentials", scope="system/*.rs", **smart.proved(client, key)
        ).json()
        return told | {"client": client.id}

    def end_client(self, client: str) -> None:
        from tovholder.access.smart import clients

        clients.end(client, self.now())

    def revoke(self, client: str, token: str) -> None:
        from tovholder.access.smart import clients, tokens

        tokens.revoke(clients.get(client), token, self.now())

    def end_grant(self, name: str) -> None:
        from tovholder.access.models import User
        from tovholder.access.smart import tokens

        user = str(User.objects.get(username=name).pk)
        (given,) = tokens.given_by(user, self.now())
        assert tokens.end_grant(given.id, user, self.now())


def main() -> None:
    """Do as told, a line each, until nobody tells any more."""
    import django

    django.setup()
    acts = Acts()
    for line in sys.stdin:
        name, *given = json.loads(line)
        try:
            answer = {"told": getattr(acts, name)(*given)}
        except Exception as error:
            answer = {"error": repr(error)}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
