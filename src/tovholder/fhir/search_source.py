"""Makes the index rows of resources: one plain Python function per type, written from the paths of its parameters.

``source(type)`` is the text of that function, to be read and debugged; ``indexer(type)`` is the function. It walks the
elements a type's parameters need once, however many parameters share them, and knows each value's type beforehand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from tovholder.fhir import definitions, search_values
from tovholder.fhir.index_tables import param_id
from tovholder.fhir.search_paths import Path, Step, paths
from tovholder.fhir.search_rows import PARTS, Own
from tovholder.fhir.searchparams import SearchParameter, parameters_of, row_plan

Row = tuple[Any, ...]
Rows = dict[str, list[Row]]
_LISTS = {
    "tokens": "store_token",
    "dates": "store_date",
    "strings": "store_string",
    "references": "store_reference",
    "uris": "store_uri",
    "quantities": "store_quantity",
    "composites": "store_composite",
}
_RANGES = {
    "date": "date_range",
    "dateTime": "date_range",
    "instant": "date_range",
    "Period": "period_range",
    "Timing": "timing_range",
}
_AMOUNTS = {"Range": "limits_ranges", "SampledData": "samples_ranges"}
_NUMBERS = frozenset({"decimal", "integer", "positiveInt", "unsignedInt"})
_HELPERS = {
    name: getattr(search_values, name)
    for name in (
        "bounded",
        "canonical_keys",
        "coding_keys",
        "contact_codes",
        "date_range",
        "decimal_of",
        "identifier_keys",
        "limits_ranges",
        "period_range",
        "quantity_ranges",
        "reference_key",
        "samples_ranges",
        "sound_key",
        "text_key",
        "timing_range",
        "uri_keys",
    )
}


@cache
def indexer(resource_type: str) -> Callable[[dict[str, Any]], Rows]:
    """What makes the index rows of resources of a type by table, without their key. For valid resources only."""
    scope: dict[str, Any] = {**_HELPERS, "once": dict.fromkeys}
    exec(compile(source(resource_type), f"<index of {resource_type}>", "exec"), scope)  # noqa: S102 - our own text
    made: Callable[[dict[str, Any]], Rows] = scope["index"]
    return made


def source(resource_type: str) -> str:
    """The Python text of a type's indexer."""
    root = _Node(resource_type)
    flags: dict[str, list[Path]] = {}
    plan = row_plan(resource_type)
    for parameter in parameters_of(resource_type):
        for own in plan[parameter.name].own if parameter.name in plan else ():
            if own.way.role == "exists":
                flags.setdefault(parameter.name, []).append(own.way)
            else:
                _place(root, resource_type, parameter, own)
    lines = _Lines()
    lines.add(0, "def index(resource):")
    lines.add(1, *(f"{name} = []" for name in _LISTS))
    for name, ways in flags.items():
        tests = [f"resource.get({way.names[0]!r}){'' if way.type == 'boolean' else ' is not None'}" for way in ways]
        number = param_id(f"{resource_type}.{name}")
        lines.add(1, f'tokens.append(({number}, "true" if {" or ".join(tests)} else "false", ""))  # {name}')
    root.write(lines, 1, "resource")
    lines.add(1, "rows = {}")
    for name, table in _LISTS.items():
        if not any(f"{name}.append" in line for line in lines.text):
            lines.text.remove(f"    {name} = []")
            continue
        lines.add(1, f"if {name}:")
        lines.add(2, f"rows[{table!r}] = list(once({name})) if len({name}) > 1 else {name}")
    lines.add(1, "return rows")
    return "\n".join([*lines.text, ""])


@dataclass(slots=True)
class _Lines:
    text: list[str] = field(default_factory=list)

    def add(self, depth: int, *lines: str) -> None:
        self.text += [f"{'    ' * depth}{line}" for line in lines]


@dataclass(frozen=True, slots=True)
class _Use:
    """What a value is read for: the rows of one parameter, or the second part of a composite.

    first: of a composite the step from the same element to its token, and that token's type.
    """

    name: str
    number: int
    kind: str
    target: str = ""
    without: tuple[str, ...] = ()
    phonetic: bool = False
    texts: int = 0
    identifiers: int = 0
    first: tuple[str, str] | None = None


@dataclass(slots=True)
class _Node:
    """An element on the way: what its own values are read for by their type, and the elements below it."""

    type: str
    uses: dict[str, list[_Use]] = field(default_factory=dict)
    below: dict[str, dict[Step, _Node]] = field(default_factory=dict)

    def child(self, step: Step, kind: str) -> _Node:
        return self.below.setdefault(step.name, {}).setdefault(step, _Node(kind))

    def write(self, lines: _Lines, depth: int, here: str, base: str = "") -> None:
        """The statements that read the value in the variable ``here``; ``base`` is the element it stands in."""
        for kind, uses in self.uses.items():
            _write_uses(lines, depth, kind, uses, here, base)
        for name, variants in self.below.items():
            _write_element(lines, depth, name, variants, here)


def _place(root: _Node, resource_type: str, parameter: SearchParameter, own: Own) -> None:
    """Hang one way of a parameter into the tree."""
    node = root
    for step in own.way.steps:
        node = node.child(step, "")
    node.type = own.way.type
    if parameter.kind == "composite":
        _place_composite(node, resource_type, parameter)
        return
    name = f"{resource_type}.{parameter.name}"
    use = _Use(
        parameter.name,
        param_id(name),
        parameter.kind,
        target=own.way.target,
        without=own.without,
        phonetic=parameter.phonetic,
        texts=param_id(f"{name}:text"),
        identifiers=param_id(f"{name}:identifier"),
    )
    parts = PARTS.get(own.way.type)
    if parts is None:
        node.uses.setdefault(own.way.type, []).append(use)
        return
    for part, many in parts.items():
        if part not in own.without:
            node.child(Step(part, many), "string").uses.setdefault("string", []).append(use)


def _place_composite(node: _Node, resource_type: str, parameter: SearchParameter) -> None:
    token, other = parameter.components
    for first in paths(node.type, token.expression, token.kind):
        for second in paths(node.type, other.expression, other.kind):
            (start,), (end,) = first.steps, second.steps  # both stand right below the element, and once
            if start.many or end.many:
                raise ValueError(f"{resource_type}.{parameter.name} has parts that repeat")
            use = _Use(
                parameter.name,
                param_id(f"{resource_type}.{parameter.name}"),
                other.kind,
                first=(start.name, first.type),
            )
            node.child(end, second.type).uses.setdefault(second.type, []).append(use)


def _write_element(lines: _Lines, depth: int, name: str, variants: dict[Step, _Node], here: str) -> None:
    variable = f"{name}{depth}"
    lines.add(depth, f"{variable} = {here}.get({name!r})")
    lines.add(depth, f"if {variable} is not None:")
    depth += 1
    looped = [(step, node) for step, node in variants.items() if step.many and step.at is None]
    for step, node in variants.items():
        if step.at is not None:
            lines.add(depth, f"for each{depth} in {variable}[{step.at} : {step.at + 1}]:")
            node.write(lines, depth + 1, f"each{depth}", here)
        elif not step.many:
            node.write(lines, depth, variable, here)
    if not looped:
        return
    item = f"each{depth}"
    lines.add(depth, f"for {item} in {variable}:")
    depth += 1
    for step, node in looped:
        if step.only is not None:
            lines.add(depth, f"if {item}.get({step.only[0]!r}) == {step.only[1]!r}:")
            node.write(lines, depth + 1, item, here)
        elif node.uses.keys() & definitions.primitives().keys():  # a null stands where only an extension is
            lines.add(depth, f"if {item} is not None:")
            node.write(lines, depth + 1, item, here)
        else:
            node.write(lines, depth, item, here)


def _write_uses(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str, base: str) -> None:
    plain = [use for use in uses if use.first is None]
    joined = [use for use in uses if use.first is not None]
    lines.add(depth, f"# {', '.join(use.name for use in uses)}")
    by_kind: dict[str, list[_Use]] = {}
    for use in plain:
        by_kind.setdefault(use.kind, []).append(use)
    for wanted, group in by_kind.items():
        _WRITERS[wanted](lines, depth, kind, group, here)
    for use in joined:
        _write_composite(lines, depth, kind, use, here, base)


def _write_tokens(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    if kind == "ContactPoint":
        for use in uses:
            lines.add(depth, f"if 'value' in {here}{_other_system(use, here)}:")
            lines.add(depth + 1, f"for code in contact_codes({here}['value']):")
            lines.add(depth + 2, f"tokens.append(({use.number}, code, ''))")
        return
    if kind in ("boolean", *definitions.primitives()):
        value = (
            f'"true" if {here} else "false"'
            if kind == "boolean"
            else f"{here} if len({here}) < 150 else bounded({here})"
        )
        lines.add(depth, f"code = {value}", *(f"tokens.append(({use.number}, code, ''))" for use in uses))
        return
    if kind == "CodeableConcept":
        lines.add(depth, f"text = {here}.get('text')", "if text:")
        _add_texts(lines, depth + 1, uses)
        lines.add(depth, f"for coding in {here}.get('coding', ()):")
        here, depth = "coding", depth + 1
    name = "value" if kind == "Identifier" else "code"
    lines.add(depth, f"code, system = {here}.get({name!r}, ''), {here}.get('system', '')")
    lines.add(depth, "if len(code) + len(system) > 150:")
    lines.add(depth + 1, "code, system = bounded(code), bounded(system)")
    lines.add(depth, "if code or system:")
    lines.add(depth + 1, *(f"tokens.append(({use.number}, code, system))" for use in uses))
    if kind == "Identifier":
        lines.add(depth, f"named = {here}.get('type')", "text = named.get('text') if named is not None else None")
    else:
        lines.add(depth, f"text = {here}.get('display')")
    lines.add(depth, "if text:")
    _add_texts(lines, depth + 1, uses)


def _other_system(use: _Use, here: str) -> str:
    return f" and {here}.get('system') not in {use.without!r}" if use.without else ""


def _add_texts(lines: _Lines, depth: int, uses: list[_Use]) -> None:
    lines.add(depth, "folded, _ = text_key(text)", *(f"strings.append(({use.texts}, folded, ''))" for use in uses))


def _write_dates(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    lines.add(depth, f"covered = {_RANGES[kind]}({here})", "if covered is not None:")
    lines.add(depth + 1, *(f"dates.append(({use.number}, *covered))" for use in uses))


def _write_strings(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    lines.add(depth, f"if {here}:")
    for use in uses:
        maker = "sound_key" if use.phonetic else "text_key"
        lines.add(depth + 1, f"strings.append(({use.number}, *{maker}({here})))")


def _write_uris(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    lines.add(depth, f"for uri in uri_keys({here}):")
    lines.add(depth + 1, *(f"uris.append(({use.number}, uri))" for use in uses))


def _write_quantities(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    if kind in _NUMBERS:
        lines.add(depth, f"number = decimal_of({here})")
        lines.add(depth, *(f"quantities.append(({use.number}, number, number, '', ''))" for use in uses))
        return
    lines.add(depth, f"for measured in {_AMOUNTS.get(kind, 'quantity_ranges')}({here}):")
    lines.add(depth + 1, *(f"quantities.append(({use.number}, *measured))" for use in uses))


def _write_references(lines: _Lines, depth: int, kind: str, uses: list[_Use], here: str) -> None:
    if kind == "Resource":
        for use in uses:
            lines.add(depth, f"if {here}.get('resourceType') == {use.target!r} and 'id' in {here}:")
            lines.add(depth + 1, f"references.append(({use.number}, {here}['id'], {use.target!r}))")
        return
    if kind != "Reference":
        lines.add(depth, f"for key in canonical_keys({here}):")
        lines.add(depth + 1, *(f"references.append(({use.number}, *key))" for use in uses))
        return
    lines.add(depth, f"text = {here}.get('reference')", "if text is not None:")
    lines.add(depth + 1, "key = reference_key(text)", "if key is not None:", "    rid, kind, known = key")
    for use in uses:
        if use.target:
            lines.add(depth + 2, f"if known == {use.target!r}:")
        lines.add(depth + 2 + bool(use.target), f"references.append(({use.number}, rid, kind))")
    lines.add(depth, f"if 'identifier' in {here}:")
    for use in uses:
        lines.add(depth + 1, f"for key in identifier_keys({here}, {use.target!r}):")
        lines.add(depth + 2, f"tokens.append(({use.identifiers}, *key))")


def _write_composite(lines: _Lines, depth: int, kind: str, use: _Use, here: str, base: str) -> None:
    assert use.first is not None
    name, token_type = use.first
    first = {"CodeableConcept": "{}['coding'] if 'coding' in {} else ()", "Coding": "({},)"}.get(token_type, "")
    value = f"{base}.get({name!r})"
    lines.add(depth, f"first = {value}", "if first is not None:")
    codes = f"coding_keys({first.format('first', 'first')})" if first else "((bounded(first), ''),)"
    match kind:
        case "CodeableConcept":
            second = f"((0.0, 0.0, *key) for key in coding_keys({here}.get('coding', ())))"
        case "boolean":
            second = f"((0.0, 0.0, 'true' if {here} else 'false', ''),)"
        case "string":
            second = f"((0.0, 0.0, text_key({here})[0], ''),)"
        case "Reference":
            second = f"((0.0, 0.0, *key[:2]) for key in (reference_key({here}.get('reference', '')),) if key)"
        case _ if kind in _RANGES:
            second = f"((*map(float, covered), '', '') for covered in ({_RANGES[kind]}({here}),) if covered)"
        case _:
            maker = _AMOUNTS.get(kind, "quantity_ranges")
            second = f"((low, high, unit, system) for low, high, system, unit in {maker}({here}))"
    lines.add(depth + 1, f"for key in {codes}:")
    lines.add(depth + 2, f"for value in {second}:", f"    composites.append(({use.number}, *key, *value))")


_WRITERS: dict[str, Callable[[_Lines, int, str, list[_Use], str], None]] = {
    "token": _write_tokens,
    "date": _write_dates,
    "string": _write_strings,
    "uri": _write_uris,
    "quantity": _write_quantities,
    "number": _write_quantities,
    "reference": _write_references,
}
