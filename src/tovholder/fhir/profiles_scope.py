"""Where a check stands: the resource around it, what its references can reach, and what its FHIRPath may ask."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tovholder.fhir.references import parse_reference

Json = dict[str, Any]


@dataclass(slots=True)
class Scope:
    """The resource a check is in. outer: the Bundle or resource that holds it, None for the outermost one."""

    resource: Json
    outer: Scope | None = None
    full_url: str = ""
    _contained: dict[str, Json] | None = None
    _entries: dict[str, Json] | None = None
    _urls: dict[int, str] | None = None

    @property
    def root(self) -> Json:
        """``%rootResource``."""
        return self.resource if self.outer is None or self.is_bundled else self.outer.root

    @property
    def in_bundle(self) -> bool:
        """Whether a Bundle is around it somewhere."""
        return self._is_bundle or (self.outer is not None and self.outer.in_bundle)

    @property
    def is_bundled(self) -> bool:
        """Whether the resource is an entry of a Bundle, rather than contained in another."""
        return self.outer is not None and self.outer._is_bundle

    def resolve(self, reference: object) -> Json | None:
        """The resource a literal reference points to, contained or in the same Bundle; None when it is outside."""
        if not isinstance(reference, str):
            return None
        if reference.startswith("#"):
            return self.root if reference == "#" else self._inside().get(reference[1:])
        scope: Scope | None = self
        while scope is not None:
            if scope._is_bundle:
                found = scope._reachable().get(_unversioned(reference)) or scope._reachable().get(
                    _unversioned(self._absolute(reference))
                )
                if found is not None:
                    return found
            scope = scope.outer
        return None

    def inside(self, resource: Json) -> Scope:
        """The scope of a resource held in this one."""
        if self._urls is None:
            self._urls = {id(held): url for url, held in entries(self.resource)} if self._is_bundle else {}
        return Scope(resource, self, self._urls.get(id(resource), ""))

    @property
    def _is_bundle(self) -> bool:
        return self.resource.get("resourceType") == "Bundle"

    def _absolute(self, reference: str) -> str:
        holder: Scope | None = self
        while holder is not None and not holder.full_url:
            holder = holder.outer
        here = parse_reference(holder.full_url) if holder is not None else None
        return f"{here.base.rstrip('/')}/{reference}" if here is not None and here.base else reference

    def _inside(self) -> dict[str, Json]:
        if self._contained is None:
            self._contained = {
                item["id"]: item
                for item in self.root.get("contained") or ()
                if isinstance(item, dict) and isinstance(item.get("id"), str)
            }
        return self._contained

    def _reachable(self) -> dict[str, Json]:
        if self._entries is None:
            self._entries = {}
            for url, resource in entries(self.resource):
                name = f"{resource.get('resourceType')}/{resource.get('id')}"
                self._entries.setdefault(name, resource)
                if url:
                    self._entries[url] = resource
        return self._entries


def entries(bundle: Json) -> Iterator[tuple[str, Json]]:
    """(fullUrl, resource) of a Bundle's entries."""
    for entry in bundle.get("entry") or ():
        if isinstance(entry, dict) and isinstance(entry.get("resource"), dict):
            yield str(entry.get("fullUrl", "")), entry["resource"]


def _unversioned(reference: str) -> str:
    return reference.partition("/_history/")[0]


@dataclass(slots=True)
class Surroundings:
    """A ``fhirpath_host.Host`` for one evaluation. unresolved: a reference led outside what is at hand."""

    scope: Scope
    kind: str
    ask_conforms: Callable[[Json, str, Scope], bool | None]
    ask_member: Callable[[Any, str], bool | None]
    unresolved: bool = field(default=False)

    def resolve(self, item: Any) -> Json | None:
        """The resource a Reference, or the text in one, points to."""
        reference = item.get("reference") if isinstance(item, dict) else item
        if isinstance(item, dict) and "resourceType" in item:
            return item
        found = self.scope.resolve(reference)
        if found is None and reference is not None:
            self.unresolved = True
        return found

    def conforms(self, item: Any, profile: str) -> bool | None:
        """Whether a resource keeps to a profile."""
        return self.ask_conforms(item, profile, self.scope) if isinstance(item, dict) else None

    def member(self, item: Any, value_set: str) -> bool | None:
        """Whether a coded value is in a value set."""
        return self.ask_member(item, value_set)
