"""Writes the Python text that tells quickly whether an object is sound: one function per type or group of R4.

A function takes the object ``o`` and the scope ``c`` and answers True only when nothing is wrong; False means "look closer"
(``fhir.validate`` then finds out what, if anything). It walks once: the usual elements are looked up by name, and what is
left over is judged by a table of the rare ones. Values of the wrong JSON kind end in an AttributeError or TypeError, which
the caller takes for False; that spares a test of kind per value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tovholder.fhir import definitions, invariants
from tovholder.fhir.definitions import Element

_MOST_HOT_CHOICES = 5  # a choice of more types is judged by table: looking up each name would cost more
_RARE = frozenset({"implicitRules", "language", "modifierExtension", "contained"})
_BY_CONTAINER = frozenset({"dom-2", "dom-3", "dom-4", "dom-5"})  # judged where contained resources are
_INTEGERS = {"integer": (-(2**31), 2**31 - 1), "positiveInt": (1, 2**31 - 1), "unsignedInt": (0, 2**31 - 1)}
_SEEN = frozenset({"uri", "url", "canonical", "date", "dateTime", "instant"})  # values come again and again
# What makes a hand-written rule worth calling.
_WORTH = {
    "ref-1": "o.get('reference', '-')[0] == '#'",
    "per-1": "'start' in o and 'end' in o",
    "rng-2": "'low' in o and 'high' in o",
    "obs-7": "'component' in o",
    "bdl-11": "o.get('type') == 'document'",
    "bdl-12": "o.get('type') == 'message'",
    "ctm-1": "'onBehalfOf' in o",
}
_INDENT = "    "


@dataclass(slots=True)
class Text:
    """The text of a function, and the constants it names."""

    source: str
    names: dict[str, Any] = field(default_factory=dict)


def function_name(path: str) -> str:
    """The name of the function for a type or group: ``Patient_contact``."""
    return path.replace(".", "_")


def write(path: str) -> Text:
    """The function for a type or group. Raises KeyError for a name R4 does not know."""
    return _Function(path).write()


class _Function:
    def __init__(self, path: str) -> None:
        self.path = path
        self.definition = definitions.type_of(path)
        self.names: dict[str, Any] = {}
        self.lines: list[str] = []
        self.hot: list[str] = []
        self.cold: dict[str, str] = {}
        self.groups: dict[str, int] = {}  # rare name -> the choice it is one of

    def write(self) -> Text:
        elements = self.definition.elements.values()
        is_resource = self.definition.kind == "resource"
        needed_table_choice = False
        for element in elements:
            names = element.json_names()
            if element.is_choice and len(names) > _MOST_HOT_CHOICES:
                needed_table_choice |= self._table_choice(element)
            elif element.is_choice:
                self._hot_choice(element)
            elif element.name in _RARE and not element.minimum:
                self._cold(element.name, element, *names.values())
            else:
                self._hot(element.name, element, *names.values())
            self._companions(element)
        name = function_name(self.path)
        body = [f"def {name}(o, c):", "    n = len(o) - 1" if is_resource else "    n = len(o)", *self.lines]
        body += [
            "    if n:" if not needed_table_choice else "    if True:",
            f"        left = o.keys() - HOT_{name}",
            "        if len(left) != n:",
            "            return False",
        ]
        if self.groups:
            body += ["        choices = 0"]
        body += [
            "        for k in left:",
            f"            if not COLD_{name}[k](o[k], c):",
            "                return False",
        ]
        if self.groups:
            body += [
                f"            bit = CHOICES_{name}.get(k, 0)",
                "            if choices & bit:",
                "                return False",
                "            choices |= bit",
            ]
        if needed_table_choice:
            needed = sum({b for n, b in self.groups.items() if self._choice_of(n).minimum})
            body += [f"        if choices & {needed} != {needed}:", "            return False"]
        body += self._endings(is_resource)
        body += ["    return True", ""]
        hot = sorted([*self.hot, "resourceType"] if is_resource else self.hot)
        table = [f"HOT_{name} = frozenset({hot!r})"]
        if self.groups:
            table.append(f"CHOICES_{name} = {self.groups!r}")
        table += [f"COLD_{name} = {{", *(f"    {n!r}: lambda v, c: {test}," for n, test in self.cold.items()), "}", ""]
        return Text("\n".join([*table, *body]), self.names)

    def _choice_of(self, json_name: str) -> Element:
        return next(e for e in self.definition.elements.values() if e.is_choice and json_name in e.json_names())

    def _hot(self, json_name: str, element: Element, kind: str) -> None:
        self.hot.append(json_name)
        missing = ["    if v is None:", "        return False"] if element.minimum else ["    if v is not None:"]
        depth = 1 if element.minimum else 2
        self.lines += [f"    v = o.get({json_name!r})", *missing, *self._tests(json_name, element, kind, depth)]
        self.lines.append(_INDENT * depth + "n -= 1")

    def _hot_choice(self, element: Element) -> None:
        self.lines.append("    choice = 0")
        for json_name, kind in element.json_names().items():
            self.hot.append(json_name)
            self.lines += [f"    v = o.get({json_name!r})", "    if v is not None:"]
            self.lines += [*self._tests(json_name, element, kind, 2), "        n -= 1", "        choice += 1"]
        wrong = "choice != 1" if element.minimum else "choice > 1"
        self.lines += [f"    if {wrong}:", "        return False"]

    def _table_choice(self, element: Element) -> bool:
        bit = 1 << len(set(self.groups.values()))
        for json_name, kind in element.json_names().items():
            self._cold(json_name, element, kind)
            self.groups[json_name] = bit
        return bool(element.minimum)

    def _cold(self, json_name: str, element: Element, kind: str) -> None:
        if element.name == "contained":
            self.cold[json_name] = "contained(v, c)"
            return
        test = self._test(element, kind)
        for rule in invariants.of_element(self.path, element.name):
            name = self._rule(rule, json_name)
            test = f"({test}) and not {name}(v, c)"
        if element.is_list:
            test = f"v.__class__ is list and len(v) > 0 and not any(not ({test}) for v in v)"
        self.cold[json_name] = test

    def _companions(self, element: Element) -> None:
        """``_name`` beside a single primitive; in arrays and choices they are rare enough to look closer."""
        for json_name, kind in element.json_names().items():
            attribute = json_name == "id" or (self.path == "Extension" and json_name == "url")
            plain = not element.is_choice and not element.is_list and not attribute
            if plain and kind in definitions.primitives() and kind not in ("element-id", "xhtml"):
                self.cold["_" + json_name] = "Element(v, c)"

    def _tests(self, json_name: str, element: Element, kind: str, depth: int) -> list[str]:
        """Statements that leave the function when the value ``v`` is not right."""
        pad = _INDENT * depth
        test = self._test(element, kind)
        rules = [self._rule(rule, json_name) for rule in invariants.of_element(self.path, element.name)]
        if not element.is_list:
            return [
                f"{pad}if not ({test}):",
                f"{pad}    return False",
                *(line for name in rules for line in (f"{pad}if {name}(v, c):", f"{pad}    return False")),
            ]
        return [
            f"{pad}if v.__class__ is not list or not v:",
            f"{pad}    return False",
            f"{pad}for v in v:",
            f"{pad}    if not ({test}):",
            f"{pad}        return False",
            *(line for name in rules for line in (f"{pad}    if {name}(v, c):", f"{pad}        return False")),
        ]

    def _rule(self, rule: invariants.Rule, json_name: str) -> str:
        name = f"broken_{rule.key.replace('-', '_')}_{function_name(self.path)}_{json_name}"
        self.names[name] = rule.broken
        return name

    def _test(self, element: Element, kind: str) -> str:
        """An expression that is true when one occurrence ``v`` is right."""
        if element.path:
            return f"{function_name(element.path)}(v, c)"
        if kind == "Resource":
            return "resource(v)"
        if kind == "Quantity" and element.simple:
            kind = "SimpleQuantity"
        if kind == "Reference":
            return f"Reference(v, c) and aims(v, {self._targets(element.targets)}, c)"
        systems = definitions.codes(element.binding) if element.binding else None
        if systems is not None and kind in ("code", "Coding", "CodeableConcept"):
            short = element.binding.rpartition("/")[2].replace("-", "_").replace(".", "_")
            if kind == "code":
                name = f"CODES_{short}"
                self.names[name] = frozenset(code for listed in systems.values() for code in listed)
                return f"v in {name}"
            name = f"SYSTEMS_{short}"
            self.names[name] = systems
            return f"{kind}(v, c) and {'coded' if kind == 'Coding' else 'concept'}(v, {name})"
        return primitive_test(kind) or f"{function_name(kind)}(v, c)"

    def _targets(self, targets: frozenset[str]) -> str:
        if not targets:
            return "ANY"
        name = "TARGETS_" + "_".join(sorted(targets))
        self.names[name] = targets
        return name

    def _endings(self, is_resource: bool) -> list[str]:
        """What is judged of the object as a whole: something in it (ele-1), and R4's rules."""
        found = []
        if not is_resource:
            found += ["    if len(o) < 2 and (not o or 'id' in o):", "        return False"]
        if self.path == "Extension":
            found += [
                "    if ('extension' in o) == (n > 0):  # ext-1; what the table judged is a value",
                "        return False",
            ]
        for rule in invariants.of_type(self.path):
            if rule.severity != "error" or rule.key in _BY_CONTAINER:
                continue
            self.names.update(rule.names)
            worth = _WORTH.get(rule.key)
            text = f"{worth} and {rule.text}" if worth else rule.text
            found += [f"    if {text}:  # {rule.key}", "        return False"]
        return found


def primitive_test(kind: str) -> str:
    """An expression that is true when ``v`` is a right value of a primitive type; empty for another type."""
    if kind in _SEEN:
        return f"v in seen_{kind} or {kind}(v)"
    if kind in _INTEGERS:
        low, high = _INTEGERS[kind]
        return f"v.__class__ is int and {low} <= v <= {high}"
    match kind:
        case "boolean":
            return "v is True or v is False"
        case "string" | "markdown":
            return "v.isprintable() and 0 < len(v) < 1024 or text(v)"
        case "code":
            return "v.isalnum() and len(v) < 1024 or code(v)"
        case "decimal":
            return "v.__class__ is int or decimal(v)"
        case "id" | "time" | "oid" | "uuid":
            return f"matches_{kind}(v)"
        case "element-id":
            return "matches_element_id(v)"
        case "base64Binary" | "xhtml":
            return f"{kind}(v)"
    return ""
