"""A package's diagnoses in one patient's record: which include, which still stand, and since when they are documented."""

from __future__ import annotations

from collections.abc import Iterable

from tovholder.packages.model import Package
from tovholder.packages.model_clinical import InputSource
from tovholder.plan.record import Diagnosis

WRONG = frozenset({"refuted", "entered-in-error"})


def plain(code: str) -> str:
    """A code as packages write it: without the dot some systems put in, in capitals."""
    return code.replace(".", "").upper()


def matching(package: Package, diagnoses: Iterable[Diagnosis]) -> list[Diagnosis]:
    """The diagnoses with a code of the package, earliest first, undated last; one per Condition."""
    found = [item for item in diagnoses if package.inclusion.matches(item.system, plain(item.code))]
    once: dict[str, Diagnosis] = {}
    for item in sorted(found, key=lambda item: (item.day is None, item.day or 0, item.id)):
        once.setdefault(item.id, item)
    return list(once.values())


def is_wrong(package: Package, item: Diagnosis) -> bool:
    """Whether the diagnosis was refuted or entered in error."""
    return item.verification_status in WRONG | frozenset(package.inclusion.excluded_verifications)


def stands(package: Package, item: Diagnosis, statuses: Iterable[str]) -> bool:
    """Whether the diagnosis is confirmed (or nobody says) and has one of these clinical statuses (or none)."""
    if is_wrong(package, item):
        return False
    if item.verification_status not in (None, *package.inclusion.verification_statuses):
        return False
    return item.clinical_status is None or item.clinical_status in statuses


def documented(
    package: Package, diagnoses: Iterable[Diagnosis], source: InputSource, today: int, without: frozenset[str]
) -> Diagnosis | None:
    """The standing diagnosis of the package that was documented first. Days to come document nothing."""
    found = [
        item
        for item in matching(package, diagnoses)
        if item.id not in without
        and stands(package, item, source.clinical_statuses)
        and item.first_day is not None
        and item.first_day <= today
    ]
    return min(found, key=lambda item: (item.first_day, item.id), default=None)


def has(diagnoses: Iterable[Diagnosis], package: Package, source: InputSource) -> Diagnosis | None:
    """A standing diagnosis with one of the source's codes."""
    return next(
        (
            item
            for item in diagnoses
            if not {item.system, f"urn:oid:{item.system}"}.isdisjoint(source.systems)
            and plain(item.code).startswith(source.codes)
            and stands(package, item, source.clinical_statuses or package.inclusion.clinical_statuses)
        ),
        None,
    )
