"""Packages as FHIR resources of the record: written there when they change, found like any other, and changed by nobody else.

They are ordinary stored resources, so that search by url, version and title, paging, includes, history and $expand are
those of every resource, and no other request pays for them. Each version of a package keeps ids of its own; those no longer
in force stay, as retired. What others store stands beside them under ids and canonicals of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tovholder import packages, store
from tovholder.access import Context
from tovholder.base.errors import Category, Issue, Problem, rule
from tovholder.fhir import systems
from tovholder.packages import Package
from tovholder.packages import fhir as as_fhir
from tovholder.packages.model import Activity
from tovholder.store import UnitOfWork
from tovholder.store.ports import Change

Json = dict[str, Any]
KINDS = (
    "ActivityDefinition", "CodeSystem", "Group", "Library", "PlanDefinition", "Questionnaire", "ValueSet",
)  # fmt: skip
ACTOR = "packages"  # the name of the system context that may write them
_made: list[tuple[Mapping[str, Package], dict[tuple[str, str], Json]]] = []
_written: list[Mapping[str, Package]] = []


def published() -> Mapping[tuple[str, str], Json]:
    """Every resource of every version of the installation's packages, by type and id. Made once for what is installed."""
    now = packages.builtin()
    if not _made or _made[0][0] is not now:
        found: dict[tuple[str, str], Json] = {}
        for package_id, current in now.items():
            for version in packages.versions(package_id):
                held = current if version == current.version else packages.version(package_id, version)
                for item in as_fhir.resources(held, in_force=held is current):
                    if held is current or (item["resourceType"], item["id"]) not in found:
                        found[item["resourceType"], item["id"]] = item
        for item in as_fhir.code_systems(list(now.values())):
            found[item["resourceType"], item["id"]] = item
        _made[:] = [(now, found)]
    return _made[0][1]


def canonical(kind: str, url: str, version: str = "") -> Json | None:
    """One of ours by its canonical; without a version the one in force."""
    found = [
        item
        for (held, _), item in published().items()
        if held == kind and item.get("url") == url and version in ("", item.get("version"))
    ]
    return max(found, key=lambda item: item.get("status") == "active", default=None)


def libraries() -> dict[str, Package]:
    """The packages in force by the canonicals of their logic."""
    return {f"{as_fhir.naming.url('Library', held.id)}|{held.version}": held for held in packages.builtin().values()}


def publish(ctx: Context) -> int:
    """Write what the record lacks or holds otherwise; how many. ``ctx`` is the system's, named ``packages``.

    Raises Problem(CONFLICT) when somebody else's resource stands under one of our ids, and then writes nothing.
    """
    count = 0
    with store.unit_of_work(ctx) as uow:
        wanted = published()
        uow.prefetch(wanted)
        for (kind, identity), resource in wanted.items():
            held = _stored(uow, kind, identity)
            if held is not None and not _is_ours(held, resource):
                raise Problem(
                    Category.CONFLICT,
                    f"{kind}/{identity} is somebody else's, and a package's resource belongs there",
                    [
                        Issue(
                            f"{kind}.id", "an id of our packages is taken", "another id for that resource", "duplicate"
                        )
                    ],
                    kept="the record as it was",
                )
            if held is None or _content(held) != resource:
                uow.update(resource)
                count += 1
    return count


def publish_once(ctx: Context) -> int:
    """``publish`` the first time in this process, and again when other packages are installed."""
    now = packages.builtin()
    if _written and _written[0] is now:
        return 0
    count = publish(ctx)
    _written[:] = [now]
    return count


def _stored(uow: UnitOfWork, kind: str, identity: str) -> Json | None:
    try:
        return uow.read(kind, identity)
    except Problem as problem:
        if problem.category in (Category.NOT_FOUND, Category.GONE):
            return None
        raise


def _content(resource: Mapping[str, Any]) -> Json:
    return {name: value for name, value in resource.items() if name != "meta"}


def _is_ours(held: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether what is stored is an earlier state of the same: the same canonical, or the same group's number."""
    name = "url" if "url" in wanted else "identifier"
    return bool(held.get(name) == wanted[name])


def asks_for(request: Mapping[str, Any], activity: Activity) -> bool:
    """Whether a request is of the activity's kind by its performer, and of no other code."""
    codes, performers = (request.get(name, {}).get("coding", ()) for name in ("code", "performerType"))
    told = [[(item.get("system"), item.get("code")) for item in listed] for listed in (codes, performers)]
    return told == [[(systems.ACTIVITY_SYSTEM, activity.kind)], [(systems.RECEIVER_SYSTEM, activity.performer)]]


def guard(change: Change, uow: UnitOfWork) -> None:
    """What packages are in FHIR is changed by changing the package; nothing else is told under their canonicals.

    The same content is let through: an export of the record can be loaded again.
    """
    told = change.new or change.old or {}
    mine = published().get((change.type, str(told.get("id"))))
    if change.ctx.actor == f"system:{ACTOR}":
        return
    if mine is not None and (change.new is None or _content(change.new) != mine):
        raise rule(
            f"{change.type}.id",
            "this is made from a package",
            "change the package, or store a definition of your own under another id and url",
            kept="the resource as it was",
        )
    if mine is None and change.new is not None and "url" in change.new:
        name, version = str(change.new["url"]), str(change.new.get("version", ""))
        if canonical(change.type, name) is not None and not _is_put_by(change.new, version):
            raise rule(
                f"{change.type}.url",
                "this canonical is one of our packages'",
                "a url of your own",
                kept="the record as it was",
            )


def _is_put_by(told: Mapping[str, Any], version: str) -> bool:
    """Whether it says it is a version of ours that is no longer in force: it comes with another installation's record."""
    mine = str(told.get("id")).startswith(as_fhir.naming.OUR_ID) and str(told.get("id")).endswith(f"-{version}")
    return bool(version) and mine and told.get("status") == "retired"


GUARDS = {kind: [guard] for kind in KINDS}
