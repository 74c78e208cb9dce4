"""One resource against one profile, element by element; what cannot be told here is said, never taken for a fault."""

from __future__ import annotations

from typing import Any

from tovholder.base.errors import Issue, Problem, Severity
from tovholder.fhir import fhirpath, fhirpath_host, profiles_codes, profiles_items, profiles_model
from tovholder.fhir.fhirpath_native import ROOT
from tovholder.fhir.profiles_context import may_stand
from tovholder.fhir.profiles_items import Item
from tovholder.fhir.profiles_model import ABSENT, Constraint, Node, Profile, is_met, same
from tovholder.fhir.profiles_scope import Scope, Surroundings
from tovholder.fhir.profiles_slices import Discriminator
from tovholder.fhir.terminology import Terminology
from tovholder.fhir.validate_values import shown, some_of

_DEEPEST = 24  # profiles of types in profiles of types


class Checker:
    """Collects the findings about one outermost resource. Expects its structure to be sound (``fhir.validate``)."""

    def __init__(self, terminology: Terminology, conformance: dict[tuple[int, str], bool] | None = None) -> None:
        self._terminology = terminology
        self._issues: dict[tuple[str, str], Issue] = {}
        self._seen: set[tuple[int, str]] = set()
        # Shared with the checkers asked "does it conform?"; a question under way counts as yes, which ends circles.
        self._conformance = {} if conformance is None else conformance
        self._depth = 0

    @property
    def issues(self) -> list[Issue]:
        """What was found, each once."""
        return list(self._issues.values())

    def tell(
        self, item: Item | str, message: str, expected: str, code: str, severity: str = "error", rule: str = ""
    ) -> None:
        """Note a finding. rule: the profile and the clause it is about."""
        path = item if isinstance(item, str) else item.location
        text = f"{message} ({rule})" if rule else message
        self._issues.setdefault((path, text), Issue(path, text, expected, code, Severity(severity)))

    # --- profiles -------------------------------------------------------------------------------------------------

    def profile(self, profile: Profile, item: Item, scope: Scope) -> None:
        """Check an item against a profile, once."""
        key = (id(item.value), profile.url)
        if key in self._seen or self._depth > _DEEPEST:
            return
        self._seen.add(key)
        if profile.type != item.kind and profile.type not in ("Resource", "DomainResource", "Element"):
            self.tell(item, f"a {item.kind} cannot keep to a profile of {profile.type}", profile.type, "structure",
                      rule=profile.label)  # fmt: skip
            return
        self._depth += 1
        self._node(profile.root, item, scope, profile)
        self._depth -= 1

    def conforms(self, resource: Any, url: str, scope: Scope) -> bool | None:
        """Whether a value keeps to a profile; None when the profile is not at hand."""
        profile = profiles_model.find(url)
        if profile is None or not isinstance(resource, dict):
            return None
        key = (id(resource), profile.url)
        if key not in self._conformance:
            self._conformance[key] = True
            inner = Checker(self._terminology, self._conformance)
            kind = str(resource.get("resourceType", "")) or profile.type
            around = scope if resource is scope.resource else Scope(resource, scope)
            inner.profile(profile, Item(resource, kind, kind, kind), around)
            self._conformance[key] = not any(issue.severity is Severity.ERROR for issue in inner.issues)
        return self._conformance[key]

    def extensions(self, item: Item, scope: Scope) -> None:
        """Check every extension whose definition is at hand, and its place.

        A modifier nobody here knows is worth a warning, and so is one that stands where it was not meant to.
        """
        for extension, modifies, holders in profiles_items.extensions(item):
            url = extension.value.get("url") if isinstance(extension.value, dict) else None
            profile = profiles_model.find(url) if isinstance(url, str) else None
            if profile is not None and profile.type == "Extension":
                if profile.contexts and not may_stand(profile.contexts, holders):
                    self.tell(extension, "the extension is not meant to stand here", some_of(profile.contexts), "extension",
                              "warning", profile.label)  # fmt: skip
                self.profile(profile, extension, scope)
            elif modifies and isinstance(url, str) and ":" in url:
                self.tell(extension, "a modifierExtension is not known here, so the meaning may be another",
                          "an extension whose definition is at hand", "not-supported", "warning")  # fmt: skip

    # --- one element ----------------------------------------------------------------------------------------------

    def _node(self, node: Node, item: Item, scope: Scope, profile: Profile) -> None:
        value = item.value
        if isinstance(value, dict) and "resourceType" in value and value is not scope.resource:
            scope = scope.inside(value)
        if node.types:
            self._types(node, item, scope, profile)
        if node.fixed is not ABSENT and not same(value, node.fixed):
            self.tell(item, "another value than the fixed one", _told(node.fixed), "value", rule=profile.label)
        if node.pattern is not ABSENT and not is_met(value, node.pattern):
            self.tell(item, "the value does not hold the pattern", _told(node.pattern), "value", rule=profile.label)
        if node.longest is not None and isinstance(value, str) and len(value) > node.longest:
            expected = f"at most {node.longest} characters"
            self.tell(item, "the text is too long", expected, "too-long", rule=profile.label)
        if node.binding is not None and value is not None:
            self._binding(node.binding, item, profile)
        if value is not None:
            for constraint in node.constraints:
                self._constraint(constraint, item, scope, profile)
        for name, child in node.children.items():
            self._group(child, profiles_items.children(item, name), f"{item.location}.{name}", scope, profile)

    def _types(self, node: Node, item: Item, scope: Scope, profile: Profile) -> None:
        rules = [one for one in node.types if one.code in (item.kind, "Resource", "DomainResource")]
        if not rules:
            if item.kind:
                allowed = some_of(tuple(one.code for one in node.types))
                self.tell(item, f"the type {item.kind} may not stand here", allowed, "structure", rule=profile.label)
            return
        wanted = [url for one in rules for url in one.profiles]
        if wanted and all(one.profiles for one in rules):
            self._one_of(wanted, item, scope, profile)
        if item.kind == "Reference" and isinstance(item.value, dict):
            self._targets([target for one in rules for target in one.targets], item, scope, profile)
            if all(one.held for one in rules):
                self._held(frozenset[str]().union(*(one.held for one in rules)), item, scope, profile)

    def _one_of(self, wanted: list[str], item: Item, scope: Scope, profile: Profile) -> None:
        known = [found for url in wanted if (found := profiles_model.find(url))]
        if len(known) < len(wanted):
            if not (known and any(self.conforms(item.value, one.url, scope) for one in known)):
                named = ", ".join(url for url in wanted if profiles_model.find(url) is None)
                self.tell(item, f"not checked against {named}, which is not at hand", "", "not-supported", "information",
                          profile.label)  # fmt: skip
        elif len(known) == 1:
            self.profile(known[0], item, scope)
        elif not any(self.conforms(item.value, one.url, scope) for one in known):
            expected = " or ".join(one.label for one in known)
            self.tell(
                item, "the value keeps to none of the profiles it may have", expected, "invalid", rule=profile.label
            )

    def _targets(self, targets: list[str], item: Item, scope: Scope, profile: Profile) -> None:
        allowed = {profiles_model.target_type(target) for target in targets}
        if not allowed or allowed & {"", "Resource"}:
            return
        kind = self._discriminator(item, scope).referred(item.value)
        if kind and kind not in allowed:
            expected = "a reference to " + some_of(tuple(sorted(allowed)))
            what = f"refers to {kind}" if kind.isalpha() else "refers to something else"
            self.tell(item, f"{what}, which may not stand here", expected, "value", rule=profile.label)

    def _held(self, ways: frozenset[str], item: Item, scope: Scope, profile: Profile) -> None:
        """How what a reference points to must be held (R4 ElementDefinition.type.aggregation)."""
        literal = item.value.get("reference")
        if not isinstance(literal, str) or "referenced" in ways:
            return
        if literal.startswith("#"):
            if "contained" not in ways:
                expected = "a reference to an entry of the same Bundle"
                self.tell(item, "refers to a contained resource", expected, "value", rule=profile.label)
        elif "bundled" in ways and not scope.in_bundle:
            self.tell(item, "not checked: what is referred to must be in the same Bundle, and there is none", "",
                      "not-supported", "information", profile.label)  # fmt: skip
        elif "bundled" not in ways or scope.resolve(literal) is None:
            expected = "a contained resource" if "bundled" not in ways else "a reference to an entry of the same Bundle"
            self.tell(item, "refers outside", expected, "value", rule=profile.label)

    def _binding(self, binding: tuple[str, str], item: Item, profile: Profile) -> None:
        strength, value_set = binding
        severity = profiles_codes.SEVERITY[strength]
        if profiles_codes.codings(item.value, item.kind) is None:
            return
        found = profiles_codes.membership(self._terminology, item.value, item.kind, value_set)
        expected, rule = f"a code of {value_set}", f"{profile.label}, {strength} binding"
        if found is None:
            if strength == "required":
                self.tell(item, "no code is given", expected, "code-invalid", severity, rule)
        elif found.result is None:
            self.tell(item, f"the code was not checked: {found.missing} is not at hand", "", "not-supported",
                      "information", rule)  # fmt: skip
        elif found.result is False:
            codes = [code for _, code in profiles_codes.codings(item.value, item.kind) or ()]
            self.tell(item, f"{shown(codes[0])} is not in the value set", expected, "code-invalid", severity, rule)

    def _constraint(self, constraint: Constraint, item: Item, scope: Scope, profile: Profile) -> None:
        around = self._surroundings(item, scope)
        rule = f"{profile.label}, rule {constraint.key}"
        try:
            found = fhirpath.compile(constraint.expression)(
                item.value, {ROOT: scope.resource, fhirpath_host.HOST: around}
            )
        except Problem:
            found, around.unresolved = [], True
        if found and not (len(found) == 1 and found[0] is False):
            return
        if around.unresolved:
            message = "a rule was not checked: it leads outside what is at hand"
            self.tell(item, message, constraint.human, "not-supported", "information", rule)
        else:
            self.tell(item, "a rule is broken", constraint.human, "invariant", constraint.severity, rule)

    # --- several items --------------------------------------------------------------------------------------------

    def _group(self, node: Node, items: list[Item], where: str, scope: Scope, profile: Profile) -> None:
        self._count(node, len(items), where, profile)
        for item in items:
            self._node(node, item, scope, profile)
        if node.slicing is not None:
            self._slices(node, items, where, scope, profile)

    def _count(self, node: Node, count: int, where: str, profile: Profile, name: str = "") -> None:
        what = f"the slice {name}" if name else where.rsplit(".", 1)[-1]
        rule = f"{profile.label}, slice {name}" if name else profile.label
        if count < node.minimum:
            message = f"{what} is missing" if not count else f"{what} is there {count} times only"
            self.tell(where, message, f"at least {node.minimum}", "required", rule=rule)
        if node.maximum is not None and count > node.maximum:
            message = f"{what} may not be there" if not node.maximum else f"{what} is there {count} times"
            self.tell(where, message, f"at most {node.maximum}", "structure", rule=rule)

    def _slices(self, node: Node, items: list[Item], where: str, scope: Scope, profile: Profile) -> None:
        slicing = node.slicing
        assert slicing is not None
        sorted_in: dict[str, list[Item]] = {name: [] for name in node.slices}
        open_questions: set[str] = set()
        order: list[int] = []
        for item in items:
            asked = self._discriminator(item, scope)
            answers = {name: asked.matches(part, slicing.by, item) for name, part in node.slices.items()}
            mine = [name for name, answer in answers.items() if answer]
            for name in mine:
                sorted_in[name].append(item)
                order.append(list(node.slices).index(name))
            unsure = {name for name, answer in answers.items() if answer is None}
            if not mine and unsure:
                open_questions |= unsure
                self.tell(item, "not checked: which slice it belongs to cannot be told here", "", "not-supported",
                          "information", profile.label)  # fmt: skip
            elif not mine and slicing.rules == "closed":
                expected = "one of the slices " + some_of(tuple(node.slices))
                self.tell(item, "the item belongs to none of the slices", expected, "structure", rule=profile.label)
        if slicing.ordered and order != sorted(order):
            self.tell(
                where, "the slices are not in order", some_of(tuple(node.slices)), "structure", rule=profile.label
            )
        for name, part in node.slices.items():
            if not (name in open_questions and len(sorted_in[name]) < part.minimum):
                self._count(part, len(sorted_in[name]), where, profile, name)
            for item in sorted_in[name]:
                self._node(part, item, scope, profile)
            if part.slicing is not None:
                self._slices(part, sorted_in[name], where, scope, profile)

    def _surroundings(self, item: Item, scope: Scope) -> Surroundings:
        return Surroundings(scope, item.kind, self.conforms, self._member)

    def _discriminator(self, item: Item, scope: Scope) -> Discriminator:
        around = self._surroundings(item, scope)
        return Discriminator(around, self._member, lambda value, url: self.conforms(value, url, scope))

    def _member(self, value: Any, value_set: str) -> bool | None:
        found = profiles_codes.membership(self._terminology, value, profiles_codes.kind_of(value), value_set)
        return False if found is None else found.result


def _told(value: Any) -> str:
    """A fixed value or pattern of a definition, for messages."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(part)}" for key, part in value.items())
    if isinstance(value, list):
        return " and ".join(_told(part) for part in value)
    return f"'{value}'"
