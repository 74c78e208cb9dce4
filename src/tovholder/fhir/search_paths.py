"""Where in a resource's JSON the values of a search parameter stand, and what type each has (R4 §3.1.1.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tovholder.fhir import definitions
from tovholder.fhir.fhirpath import parse
from tovholder.fhir.fhirpath_syntax import Binary, Call, Index, Member, Node, type_text
from tovholder.fhir.fhirpath_syntax import Literal as Constant

_TEXTS = frozenset({"string", "markdown"})
_URIS = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_QUANTITIES = frozenset({"Quantity", "Age", "Duration", "Count", "Distance", "Range", "SampledData"})
# What each kind of parameter compares; an element of another type (Observation.value[x] has many) is not its business.
COMPARED: dict[str, frozenset[str]] = {
    "token": frozenset({"CodeableConcept", "Coding", "Identifier", "ContactPoint", "code", "boolean", "id", "string"})
    | _URIS,
    "date": frozenset({"date", "dateTime", "instant", "Period", "Timing"}),
    "string": _TEXTS | {"HumanName", "Address"},
    "reference": frozenset({"Reference", "Resource", "canonical", "uri"}),
    "uri": _URIS,
    "quantity": _QUANTITIES,
    "number": frozenset({"decimal", "integer", "positiveInt", "unsignedInt", "Range"}),
}


@dataclass(frozen=True, slots=True)
class Step:
    """One element on the way down.

    many: a list in JSON. only: of a list, the items whose element has a text. at: of a list, the item at this place.
    """

    name: str
    many: bool = False
    only: tuple[str, str] | None = None
    at: int | None = None


@dataclass(frozen=True, slots=True)
class Path:
    """A way from a resource (or from an element of it, for the parts of a composite) to values of one type.

    type: the FHIR type of the values; a group of elements has its definition's path. target: the only type a
    reference may point to, empty for any. binding: the required value set of a code.
    role: ``exists`` for the one parameter that asks whether elements are there and not false (Patient.deceased).
    """

    steps: tuple[Step, ...]
    type: str
    target: str = ""
    binding: str = ""
    role: Literal["value", "exists"] = "value"

    @property
    def single(self) -> bool:
        """Whether a resource has at most one value here."""
        return not any(step.many and step.at is None for step in self.steps)

    @property
    def names(self) -> tuple[str, ...]:
        """The elements' names in JSON."""
        return tuple(step.name for step in self.steps)


def paths(start: str, expression: str, kind: str) -> tuple[Path, ...]:
    """The ways an expression leads to values a parameter of that kind compares.

    start: the resource type, or the definition's path of the element the expression stands on. A composite (kind
    "composite") compares nothing itself: its ways lead to the elements its parts stand on. Raises ValueError for an
    expression of a shape no R4 search parameter has.
    """
    found = [path for branch in _branches(parse(expression)) for path in _walk(branch, start)]
    wanted = COMPARED.get(kind)
    return tuple(
        dict.fromkeys(path for path in found if wanted is None or path.type in wanted or path.role == "exists")
    )


def _branches(node: Node) -> list[Node]:
    if isinstance(node, Binary) and node.operator == "|":
        return _branches(node.left) + _branches(node.right)
    return [node]


def _walk(node: Node | None, start: str) -> list[Path]:
    match node:
        case None:
            return [Path((), start)]
        case Member(None, name) if name[0].isupper():
            return [Path((), start)]
        case Member(focus, name):
            return [longer for path in _walk(focus, start) for longer in _element(path, name)]
        case Index(focus, Constant(str() as place, "number")):
            return [_last(path, at=int(place)) for path in _walk(focus, start)]
        case Call(focus, "ofType", (kind,)):
            return [path for path in _walk(focus, start) if path.type == type_text(kind)]
        case Call(focus, "where", (Binary("is", Call(None, "resolve", ()), kind),)):
            return [Path(path.steps, path.type, type_text(kind)) for path in _walk(focus, start)]
        case Call(focus, "where", (Binary("=", Member(None, name), Constant(str() as text, "string")),)):
            return [_last(path, only=(name, text)) for path in _walk(focus, start)]
        case Binary("and", Call(focus, "exists", ()), Binary("!=", other, Constant(False))) if focus == other:
            return [Path(path.steps, path.type, role="exists") for path in _walk(focus, start)]
    raise ValueError(f"no search parameter has this shape: {node}")


def _element(path: Path, name: str) -> list[Path]:
    """The path one element further: as many ways as a choice has types."""
    element = definitions.type_of(path.type).elements.get(name)
    if element is None:
        return []
    ways = element.json_names().items() if element.is_choice else [(name, next(iter(element.types), ""))]
    return [
        Path((*path.steps, Step(json_name, element.is_list)), element.path or kind, binding=element.binding)
        for json_name, kind in ways
    ]


def _last(path: Path, *, only: tuple[str, str] | None = None, at: int | None = None) -> Path:
    *before, last = path.steps
    return Path((*before, Step(last.name, last.many, only or last.only, at)), path.type, path.target, path.binding)
