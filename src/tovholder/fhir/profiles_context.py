"""Where an extension stands, and whether its definition lets it (R4 defining-extensions.html#context)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tovholder.fhir.profiles_items import Item

ANYWHERE = "Element"  # how definitions say it, and mean resources too
_NO_DOMAIN = frozenset({"Binary", "Bundle", "Parameters"})
_BASES = {
    **dict.fromkeys(("code", "id", "markdown"), "string"),
    **dict.fromkeys(("canonical", "oid", "url", "uuid"), "uri"),
    **dict.fromkeys(("positiveInt", "unsignedInt"), "integer"),
    **dict.fromkeys(("Age", "Count", "Distance", "Duration"), "Quantity"),
}


def may_stand(contexts: Iterable[str], holders: Sequence[Item]) -> bool:
    """Whether an extension with these contexts may stand in the last of the holders, outermost first.

    A context is the id of an element of R4: of a resource's, of a datatype's, or a type itself.
    """
    wanted = frozenset(contexts)
    return ANYWHERE in wanted or not wanted.isdisjoint(_names(holders))


def _names(holders: Sequence[Item]) -> set[str]:
    """Everything R4 calls the innermost holder: by the way from each type on the way to it, and by its own type."""
    outermost = holders[0].kind
    names = {outermost, "Resource", *(() if outermost in _NO_DOMAIN else ("DomainResource",))}
    for above, item in pairwise(holders):
        # ".name[0]", ".value.ofType(Quantity)"
        name, choice, _ = item.location[len(above.location) + 1 :].partition("[")[0].partition(".ofType(")
        ways = (name, f"{name}[x]") if choice else (name,)
        names = {f"{known}.{way}" for known in names for way in ways}
        # A group in itself (an item of an item) is of the group it repeats.
        names |= {item.kind, item.path, _BASES.get(item.kind, item.kind)}
    return names
