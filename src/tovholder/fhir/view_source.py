"""Views as plain Python functions, written from their paths and the types R4 gives the elements on the way.

``source(definition)`` is the text of a view's function, to be read and debugged. It covers what our fact tables are
made of: columns that are one value, filters, loops over a path, and of a union its first branch, where that is the
resource itself under a condition (what fails it is left to the closures). Where a shape is not covered the column is read by
the closures of view_select, or the whole view is; where a resource is not what was expected the function gives up
(Unsupported, or an error of Python's), and the closures answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tovholder.fhir import definitions, fhirpath
from tovholder.fhir.fhirpath_syntax import Binary, Call, Literal, Member, Node, Special
from tovholder.fhir.fhirpath_values import Unsupported
from tovholder.fhir.search_values import reference_key
from tovholder.fhir.view_columns import CONVERSIONS, TAG, day_of
from tovholder.fhir.view_select import Row, column_reader
from tovholder.fhir.view_walk import PLAIN, TEXTUAL, Focus, NotCovered, Text, Walk, last_name, name_of, steps_of

_TEXTS = frozenset({"text", "code"})
_COVERED = {"column", "forEach", "extension", "id", "only"}


def compile_source(definition: dict[str, Any]) -> Callable[[dict[str, Any]], list[Row]] | None:
    """The function of a view that was checked before, or None when its shape is not covered."""
    text = source(definition)
    if text is None:
        return None
    scope: dict[str, Any] = {
        "once_each": _once_each,
        "Unsupported": Unsupported,
        "columns": [column_reader(column) for select in _usual(definition) for column in select.get("column", ())],
        "distinct": dict.fromkeys,
        "reference_key": reference_key,
        "to_integer": _to_integer,
        "to_day": day_of,
        **{f"to_{name}": convert for name, convert in CONVERSIONS.items() if name != "day"},
    }
    exec(compile(text, f"<view {definition.get('name', '')}>", "exec"), scope)  # noqa: S102 - our own text
    made: Callable[[dict[str, Any]], list[Row]] = scope["make"]
    return made


def source(definition: dict[str, Any]) -> str | None:
    """The Python text of a view's function; None when its shape is not covered."""
    selects = _usual(definition)
    if definition.get("constant") or not all(set(select) <= _COVERED for select in selects):
        return None
    if definition["resource"] not in definitions.resource_types() or "%rowIndex" in str(selects):
        return None
    try:
        return _View(definition=definition).text()
    except NotCovered:
        return None


def _usual(definition: dict[str, Any]) -> list[dict[str, Any]]:
    """The selects, of each union its first branch: ``only`` is the condition it stands under."""
    found = []
    for select in definition["select"]:
        branches = select.get("unionAll") or [{}]
        match fhirpath.parse(branches[0].get("forEach", "id")):
            case Call(Special("$this"), "where", (condition,)) if set(select) == {"unionAll"}:
                branch = {key: value for key, value in branches[0].items() if key != "forEach"}
                found.append({**branch, "only": condition})
            case _:
                found.append(select)
    return found


def _once_each(extensions: list[dict[str, Any]], wanted: tuple[str, ...]) -> None:
    """Raises Unsupported where one of the wanted extensions stands twice: which of them counts is for the closures."""
    found = [extension["url"] for extension in extensions]
    if any(found.count(url) > 1 for url in wanted):
        raise Unsupported


def _to_integer(text: Any) -> int:
    if isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise Unsupported


@dataclass(slots=True)
class _View(Text):
    definition: dict[str, Any] = field(default_factory=dict)

    def text(self) -> str:
        """The whole function."""
        focus = Focus("resource", self.definition["resource"], 1)
        for where in self.definition.get("where", ()):
            self.add(1, f"# {where['path']}")
            self.add(1, f"if not ({self.truth(fhirpath.parse(where['path']), focus, 1)}):", "    return []")
        loops, values, number = [], {}, 0
        for select in _usual(self.definition):
            if "only" in select:
                self.add(1, f"if not ({self.truth(select['only'], focus, 1)}):", "    raise Unsupported")
            numbered = [(number + at, column) for at, column in enumerate(select.get("column", ()))]
            number += len(numbered)
            if "forEach" in select:
                loops.append((select["forEach"], numbered))
            else:
                values.update({at: self.column(column, at, focus, 1) for at, column in numbered})
        self.add(1, "rows = []")
        self.loops(loops, values, number, focus, 1)
        self.add(1, "return rows")
        head = ["def make(resource):"]
        if any("extensions." in line for line in self.lines):
            head += [
                "    listed = resource.get('extension', ())",
                "    extensions = {one['url']: one for one in listed}",
                "    if len(extensions) < len(listed):",
                f"        once_each(listed, {tuple(sorted(self.urls))!r})",
            ]
        return "\n".join([*head, *self.lines, ""])

    def loops(self, loops: list[Any], values: dict[int, str], count: int, root: Focus, depth: int) -> None:
        """The loops within each other, leftmost outermost; innermost the row."""
        if not loops:
            self.add(depth, f"rows.append(({', '.join(values[at] for at in range(count))},))")
            return
        (path, numbered), *others = loops

        def each(depth: int, here: str, kind: str) -> None:
            focus = Focus(here, kind, depth)
            found = {at: self.column(column, at, focus, depth) for at, column in numbered}
            self.loops(others, {**values, **found}, count, root, depth)

        self.add(depth, f"# each {path}")
        match fhirpath.parse(path):
            case Call(inner, "distinct", ()) if inner is not None:
                steps = steps_of(inner)
                if not steps or name_of(steps[-1]) != "getReferenceKey":  # of ids, which are equal as texts are
                    raise NotCovered
                found, item = self.name("found"), self.name("item")
                self.add(depth, f"{found} = []")
                self.walk(steps, root, depth, lambda at, here, kind: self.add(at, f"{found}.append({here})"))
                self.add(depth, f"for {item} in distinct({found}):")
                each(depth + 1, item, "id")
            case tree:
                self.walk(steps_of(tree), root, depth, each)

    def column(self, column: dict[str, Any], number: int, focus: Focus, depth: int) -> str:
        """Statements that read a column; gives the expression that is its value."""
        conversion = next((tag["value"] for tag in column.get("tag", ()) if tag.get("name") == TAG), "")
        if column.get("collection"):
            raise NotCovered
        tree, before, seen = fhirpath.parse(column["path"]), len(self.lines), dict(focus.seen)
        try:
            return self.converted(conversion, *self.value(tree, focus, depth))
        except NotCovered:
            del self.lines[before:]
            focus.seen = seen
            value = self.name("value")
            self.add(depth, f"{value} = columns[{number}]({focus.name}, resource)  # {column['path']}")
            return value

    def converted(self, conversion: str, value: str, kind: str) -> str:
        """The value of a column as its table holds it."""
        if conversion in _TEXTS and kind in TEXTUAL:
            return value
        if conversion == "flag":
            if kind != "boolean":
                raise NotCovered
            return f"1 if {value} else 0"
        return f"None if {value} is None else to_{conversion}({value})" if conversion else value

    def value(self, node: Node, focus: Focus, depth: int) -> tuple[str, str]:
        """The one value of an expression: a Python expression and its type."""
        match node:
            case Call(inner, "first", ()) if inner is not None:
                return self.first(inner, focus, depth)
            case Call(inner, "exists" | "empty", ()) if inner is not None:
                return f"({self.truth(node, focus, depth)})", "boolean"
            case Call(inner, "toInteger", ()) if inner is not None:
                found, _ = self.value(inner, focus, depth)
                return f"(None if {found} is None else to_integer({found}))", "integer"
        return self.first(node, focus, depth, strict=True)

    def truth(self, node: Node, focus: Focus, depth: int) -> str:
        """A Python expression for a condition that is true, false or empty."""
        match node:
            case Binary("and" | "or" as operator, left, right):
                return f"({self.truth(left, focus, depth)} {operator} {self.truth(right, focus, depth)})"
            case Call(inner, "exists", ()) if inner is not None:
                return f"{self.first(inner, focus, depth)[0]} is not None"
            case Call(Call(Member(None, name), "skip", (Literal("1", "number"),)), "empty", ()):
                return f"len({focus.name}.get({name!r}) or ()) < 2"
            case Call(inner, "empty", ()) if inner is not None:
                return f"{self.first(inner, focus, depth)[0]} is None"
            case Binary("!=" | "=" as operator, Member(None, _) as member, Literal(str() as text, "string")):
                value, kind = self.first(member, focus, depth, strict=True)
                if text[:1].isdigit() or kind not in PLAIN:  # what may be a date is compared as one
                    raise NotCovered
                return f"{value} is not None and {value} {'==' if operator == '=' else '!='} {text!r}"
        raise NotCovered

    def first(self, node: Node, focus: Focus, depth: int, *, strict: bool = False) -> tuple[str, str]:
        """The variable that holds the first value of an expression, or None, and the value's type.

        strict: more than one value would be an error, so that the path may lead through no list.
        """
        if (node, strict) in focus.seen:
            return focus.seen[node, strict]
        target = self.name("value")
        kinds: list[str] = []
        begun, comment = len(self.lines), f"  # {last_name(node)}"
        self.add(depth, f"{target} = None{comment}")
        self.into(target, node, focus, depth, kinds, strict=strict)
        if self.lines[begun + 1].startswith(f"{'    ' * depth}{target} = "):  # surely set: no need to begin with None
            del self.lines[begun]
            self.lines[begun] += comment
        kind = kinds[0] if len({*kinds}) == 1 or TEXTUAL.issuperset(kinds) else ""
        if depth == focus.fixed:
            focus.seen[node, strict] = target, kind
        return target, kind

    def into(self, target: str, node: Node, focus: Focus, depth: int, kinds: list[str], *, strict: bool) -> None:
        """Statements that put the first value of an expression into a variable that holds None."""
        match node:
            case Binary("|", left, right) if not strict:
                self.into(target, left, focus, depth, kinds, strict=False)
                self.add(depth, f"if {target} is None:")
                self.into(target, right, focus, depth + 1, kinds, strict=False)
                return
            case Call(inner, "first", ()) if inner is not None:
                self.into(target, inner, focus, depth, kinds, strict=False)
                return
            case Literal(str() as text, "number") if text.isdigit():
                kinds.append("integer")
                self.add(depth, f"{target} = {int(text)}")
                return

        def done(depth: int, here: str, kind: str) -> None:
            kinds.append(kind)
            self.add(depth, f"{target} = {here}")

        self.walk(steps_of(node), focus, depth, done, target=target, strict=strict)

    def walk(
        self,
        steps: list[Node],
        focus: Focus,
        depth: int,
        done: Callable[[int, str, str], None],
        *,
        target: str = "",
        strict: bool = False,
    ) -> None:
        """Statements that follow a path from the focus; ``done`` writes what is done with each value at its end.

        target: the variable that ends the search once it holds something.
        """
        Walk(self, done, target, strict).step(steps, 0, depth, focus.name, focus.kind)
