"""Bodies with something wrong in them: JSON spoilt in its bytes, its structure or its size, patches, and raw content."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator

import pytest

from lib.garbage import BINARY, GOOD, NUMBER, SECRET, SHARES, Ask, Judge, raw
from lib.garbage_json import TEXTS, any_value, bare, changed, huge, spoilt
from lib.made_resources import made
from lib.mutations import places

pytestmark = pytest.mark.django_db(transaction=True)
TYPES = ["CarePlan", "Questionnaire", "QuestionnaireResponse", "Encounter", "Task", "Composition", "Bundle", "Library"]
TYPES += ["MedicationRequest", "Consent", "Provenance", "DocumentReference", "Basic", "CodeSystem", "Measure", "List"]
PATCH = "application/json-patch+json"


def resources(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        good = chance.choice(GOOD)
        body = raw(changed(chance, good)) if chance.random() < 0.6 else spoilt(chance, good)
        path = f"/{good['resourceType']}"
        yield chance.choice(
            [
                Ask("PUT", f"{path}/{good['id']}", body),
                Ask("POST", path, body),
                Ask("PUT", f"{path}?_id={good['id']}", body),
                Ask("POST", f"{path}/$validate", body),
                Ask("POST", path, body, headers={"Prefer": "return=OperationOutcome"}),
            ]
        )


def wild(chance: random.Random, count: int) -> Iterator[Ask]:
    """Sound in structure and wild in content, then changed."""
    for number in range(count):
        kind = chance.choice(TYPES)
        resource = made(chance, kind, fill=0.3) | {"resourceType": kind}
        body = raw(changed(chance, resource)) if number % 2 else spoilt(chance, resource)
        yield Ask("POST", f"/{kind}", body)


def patches(chance: random.Random, count: int) -> Iterator[Ask]:
    for _ in range(count):
        good = chance.choice(GOOD)
        body = raw([operation(chance, good) for _ in range(chance.randint(0, 3))])
        if chance.random() < 0.15:
            body = spoilt(chance, {"op": [operation(chance, good)]})
        headers = {"If-Match": chance.choice(['W/"1"', "*", "x", ""])} if chance.random() < 0.1 else {}
        yield Ask("PATCH", f"/{good['resourceType']}/{good['id']}", body, PATCH, headers)


def operation(chance: random.Random, good: dict[str, object]) -> object:
    pointers = [
        "",
        "/",
        "/resourceType",
        "/id",
        "/meta/versionId",
        "/x/y",
        "/name/-",
        "/name/-1",
        "/name/99999999999999999999",
    ]
    pointers += [
        "/name/01",
        "/name/1e3",
        "/name/0/given/²",
        "/~",
        "/~2",
        "//",
        "/a\x00",
        f"/{NUMBER}",
        "/extension/-",
        "name",
    ]
    pointers += [f"/{key}" for key in good]
    found: dict[str, object] = {
        "op": chance.choice(["add", "remove", "replace", "move", "copy", "test", "ADD", "", None, 1]),
        "path": chance.choice([*pointers, *pointers, None, 1, {}, "/a" * 3000]),
        "value": any_value(chance, good),
        "from": chance.choice([*pointers, "", None]),
    }
    for name in list(found):
        if chance.random() < 0.1:
            del found[name]
    if chance.random() < 0.1:
        found[chance.choice(["spam", "op ", SECRET])] = any_value(chance, good)
    return found if chance.random() < 0.95 else any_value(chance, good)


def contents(chance: random.Random, count: int) -> Iterator[Ask]:
    """Binary by its content, and by resources that hold odd ones; each is asked for afterwards in every form."""
    kinds = [
        "text/plain",
        "image/png",
        "x",
        "",
        "/",
        "text/",
        "a/b; charset=\xff",
        "multipart/form-data",
        "a" * 200 + "/b",
    ]
    kinds += [
        "multipart/form-data; boundary=x",
        "text/html",
        "application/fhir+xml",
        "application/x-www-form-urlencoded",
    ]
    for number in range(count):
        if number % 3 == 0:
            headers = {"X-Security-Context": chance.choice(["Patient/p", "", SECRET, "Patient/x/y", "x" * 300, "\xff"])}
            body = bytes(chance.randrange(256) for _ in range(chance.randrange(40)))
            method, path = chance.choice([("POST", "/Binary"), ("PUT", "/Binary/n")])
            yield Ask(method, path, body, chance.choice(kinds), headers if chance.random() < 0.5 else {})
        elif number % 3 == 1:
            odd = (
                BINARY | {"id": "n"} | {chance.choice(["contentType", "data", "securityContext"]): chance.choice(TEXTS)}
            )
            if chance.random() < 0.3:
                odd["securityContext"] = {"reference": chance.choice(TEXTS)}
            yield Ask("PUT", "/Binary/n", raw(odd))
        else:
            accept = chance.choice(["*/*", "text/plain", "application/fhir+json", "image/png, */*;q=0.1", ""])
            yield Ask(chance.choice(["GET", "HEAD"]), "/Binary/n", headers={"Accept": accept})


@pytest.mark.parametrize("what", [resources, wild, patches, contents])
def test_bodies(what) -> None:  # type: ignore[no-untyped-def] # one of the generators above
    count = {resources: 1050, wild: 400, patches: 400, contents: 250}[what]
    judge = Judge(what.__name__)
    judge.all(what(judge.chance, count))
    judge.still_answers()
    assert judge.sent == count


def test_the_numbers_of_bodies() -> None:
    assert SHARES["bodies"] == 1050 + 400 + 400 + 250


def test_bodies_that_are_no_resource_at_all() -> None:
    judge = Judge("bare")
    paths = [("POST", "/Patient"), ("PUT", "/Patient/p"), ("POST", ""), ("POST", "/Patient/$validate")]
    judge.all((Ask(method, path, body) for method, path in paths for body in bare()), system=1)
    judge.all((Ask("PATCH", "/Patient/p", body, PATCH) for body in bare()), system=1)
    judge.still_answers()


def test_huge_bodies() -> None:
    judge = Judge("huge")
    for number, body in enumerate(huge()):
        path = ["/Patient", "", "/Patient/$validate"][number % 3]
        judge.all([Ask("POST", path, body), Ask("PATCH", "/Patient/p", body, PATCH)], system=1)
    assert set(judge.statuses) <= {400, 413}
    judge.still_answers()


def test_every_place_of_a_resource_with_every_odd_value() -> None:
    judge = Judge("places")
    good = GOOD[0]
    asks = []
    for number in range(len(places(good))):
        for odd in (None, [], {}, "", SECRET, 0, True, [None], [[]], {"extension": []}):
            resource = copy.deepcopy(good)
            container, key = places(resource)[number]
            container[key] = odd
            asks.append(Ask("PUT", "/Patient/p", raw(resource)))
    judge.all(asks, system=1)
    judge.still_answers()
