"""Whether a resource keeps to profiles: DK Core, MedCom, R4's own and ours; those named, or those it claims (meta.profile).

``fhir.validate`` tells whether a resource is FHIR at all and comes first: what is asked here expects a sound structure.
Reading is lenient and writing strict: a civil registration number is never held against modulus 11, which not even the
official test persons' pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tovholder.base.errors import Issue
from tovholder.fhir import profiles_items, profiles_model, terminology
from tovholder.fhir.profiles_check import Checker
from tovholder.fhir.profiles_items import Item
from tovholder.fhir.profiles_model import Profile, canonicals, find, sources
from tovholder.fhir.profiles_scope import Scope, entries
from tovholder.fhir.terminology import Terminology, split
from tovholder.fhir.terminology_shipped import same_version

__all__ = ["Profile", "canonicals", "claims", "find", "sources", "validate"]

Resource = dict[str, Any]


def validate(
    resource: Resource, profile: str | None = None, *, codes: Terminology | None = None, extensions: bool = True
) -> list[Issue]:
    """What a resource lacks to keep to a profile, or to all it and the resources in it claim when none is named.

    codes: the terminology bindings are asked of; what comes with the program when None. extensions: also check each
    extension whose definition is at hand. What cannot be checked here is an issue of severity information. Never raises
    for a resource that is sound.
    """
    checker = Checker(codes or terminology.shipped())
    outermost = Scope(resource)
    for item, scope in _resources(profiles_items.of_resource(resource), outermost):
        named = claims(item.value) if profile is None else [profile] if scope is outermost else []
        for url in named:
            _check(checker, url, item, scope)
        if extensions:
            checker.extensions(item, scope)
    return checker.issues


def claims(resource: Resource) -> list[str]:
    """The profiles a resource says it keeps to."""
    meta = resource.get("meta")
    told = meta.get("profile") if isinstance(meta, dict) else None
    return [url for url in told if isinstance(url, str)] if isinstance(told, list) else []


def _check(checker: Checker, named: str, item: Item, scope: Scope) -> None:
    profile = find(named)
    url, version = split(named)
    if profile is None:
        if url.removeprefix(profiles_model.CORE) != item.kind:  # R4's own type is checked by fhir.validate
            expected = "a profile of DK Core, MedCom, R4 or Tovholder"
            message = f"not checked against {url}, which is not at hand" if ":" in url else "an unknown profile"
            checker.tell(f"{item.location}.meta.profile", message, expected, "not-found", "information")
        return
    if version and not same_version(version, profile.version):
        message = f"checked against version {profile.version} of {url}, not the one named"
        checker.tell(f"{item.location}.meta.profile", message, "", "informational", "information")
    checker.profile(profile, item, scope)


def _resources(item: Item, scope: Scope) -> Iterator[tuple[Item, Scope]]:
    """A resource and those in it: contained ones and a Bundle's entries."""
    yield item, scope
    for index, contained in enumerate(item.value.get("contained") or ()):
        if isinstance(contained, dict):
            location = f"{item.location}.contained[{index}]"
            yield profiles_items.of_resource(contained, location), Scope(contained, scope)
    if item.kind == "Bundle":
        for index, (url, inner) in enumerate(entries(item.value)):
            location = f"{item.location}.entry[{index}].resource"
            yield from _resources(profiles_items.of_resource(inner, location), Scope(inner, scope, url))
