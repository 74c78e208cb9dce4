"""The clinic's list as the page shows it: over all packages or in one, with its filters, counts, orders and search."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext_lazy as _

from tovholder.cockpit import lists
from tovholder.cockpit.columns import NOTHING, Cell
from tovholder.cockpit.queries import ClinicRow
from tovholder.cockpit.ranking import SOON
from tovholder.packages.model import Package
from tovholder.web.cockpit_view import Choice, CockpitPage, Column, Tab
from tovholder.web.presenters import cockpit_cells
from tovholder.web.presenters.cockpit_rows import Person, row_of

STEP = 50  # patients shown at once
_ENOUGH = 5  # courses before it says anything that none of them has a measurement
Cells = Mapping[str, Mapping[str, Cell]]


@dataclass(frozen=True, slots=True)
class Wish:
    """How the list is looked at. package, order, level: "" for none. way: "ned" turns an order round."""

    package: str = ""
    view: str = ""
    level: str = ""
    order: str = ""
    way: str = ""
    count: int = STEP

    def query(self, **changes: Any) -> str:
        """As it stands in an address."""
        one = replace(self, **changes)
        given = {
            "pakke": one.package,
            "vis": one.view,
            "niveau": one.level,
            "orden": one.order,
            "retning": one.way,
            "antal": one.count if one.count != STEP else "",
        }
        return urlencode({key: value for key, value in given.items() if value})

    def url(self, **changes: Any) -> str:
        """The address of the list looked at so; what narrows or turns it begins from the top again."""
        query = self.query(**({"count": STEP} | changes))
        return f"{reverse('web:cockpit')}?{query}" if query else reverse("web:cockpit")


@dataclass(frozen=True, slots=True)
class View:
    """One way to look at the list."""

    key: str
    title: Any
    holds: Callable[[ClinicRow], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clinic:
    """What a list is made of. cells: of the package looked at. me: who looks, as they act in the record."""

    rows: Sequence[ClinicRow]
    packages: Mapping[str, Package]
    package: Package | None
    cells: Cells
    me: str
    names: Mapping[str, str]
    today: int
    language: str
    saved: tuple[Choice, ...] = ()


VIEWS = (
    View("i-dag", _("Har brug for os i dag"), lambda row: bool(row.flags)),
    View("frist", _("Frist overskredet eller tæt på"), lambda row: row.days_left is not None and row.days_left <= SOON),
    View("ikke-startet", _("Ikke startet"), lambda row: row.phase == "eligible"),
)
_ALL = View("alle", _("Alle forløb"), lambda row: True)
_LEVELS: tuple[tuple[str, Any, int | None], ...] = (
    ("level-3", _("Niveau 3"), 3),
    ("level-2", _("Niveau 2"), 2),
    ("level-1", _("Niveau 1"), 1),
    ("level-none", _("Ikke besluttet"), None),
)
_LEVEL_PARAMETER = {"level-3": "3", "level-2": "2", "level-1": "1", "level-none": "ingen"}
_LAST = 10_000_000
DOWN = "ned"
# How the list may be ordered instead of by what is most pressing; those whose first way is the larger one first.
_ORDERS: Mapping[str, Callable[[Person], Any]] = {
    "navn": lambda person: person.name.casefold(),
    "niveau": lambda person: -(person.level or 0),
    "frist": lambda person: _LAST if person.days_left is None else person.days_left,
    "kontrol": lambda person: person.next_control_day or person.last_control_day or _LAST,
}
_COLUMNS: tuple[tuple[str, Any], ...] = (
    ("navn", _("Patient")),
    ("niveau", _("Niveau")),
    ("", _("Hvorfor")),
    ("frist", _("Frist for plan")),
    ("kontrol", _("Kontrol")),
)


def views_of(clinic: Clinic) -> tuple[View, ...]:
    """The filters of the list: the package's own, or those over all packages; always what is mine and what is put off."""
    held = clinic.package
    also = (
        View("mine", _("Tildelt mig"), lambda row: row.assigned_to == clinic.me),
        View("udskudt", _("Udskudt"), lambda row: bool(row.sleeping)),
    )
    if held is None:
        return (*VIEWS, *also, _ALL)
    titles = [{"da": choice.title.da, "en": choice.title.en} for choice in held.cockpit.filters]
    own = [
        View(
            choice.id,
            title,
            lambda row, choice=choice: lists.passes(row, choice, clinic.cells.get(row.episode_id, {}), held),  # type: ignore[misc]
        )
        for choice, title in zip(held.cockpit.filters, titles, strict=True)
    ]
    start = held.cockpit.start_list
    phases = held.cockpit.phases
    return (
        View("alle", _("Alle"), lambda row: True),
        View("i-forloeb", _("I forløb"), lambda row: row.phase in phases),
        View("start", {"da": start.title.da, "en": start.title.en}, lambda row: row.phase in start.phases),
        *own,
        *also,
    )


def rows_of(clinic: Clinic) -> list[ClinicRow]:
    """The rows the list is about: of the package where one is chosen, in the phases its file names."""
    if clinic.package is None:
        return list(clinic.rows)
    screen = clinic.package.cockpit
    phases = {*screen.phases, *screen.start_list.phases}
    own = [row for row in clinic.rows if row.package == clinic.package.id and row.phase in phases]
    return sorted(own, key=lambda row: row.rank)


def people(rows: Sequence[ClinicRow], everything: Sequence[ClinicRow]) -> list[Person]:
    """Each patient of the rows once, with all of their courses, in the order they come in."""
    courses: dict[str, list[ClinicRow]] = {}
    for row in everything:
        courses.setdefault(row.patient_id, []).append(row)
    return [Person(tuple(courses[patient])) for patient in dict.fromkeys(row.patient_id for row in rows)]


def chosen(clinic: Clinic, wish: Wish) -> tuple[Wish, list[Person]]:
    """Who passes the filters, in the order that is wished for; and the wish as it was understood."""
    rows = rows_of(clinic)
    views = views_of(clinic)
    wanted = next((one for one in views if one.key == wish.view), None) or _first_view(clinic, rows, views)
    level = wish.level if wish.level in _LEVEL_PARAMETER.values() and clinic.package is None else ""
    found = people([row for row in rows if wanted.holds(row)], rows)
    if level:
        numbers = {_LEVEL_PARAMETER[key]: number for key, _title, number in _LEVELS}
        found = [person for person in found if person.level == numbers[level]]
    key = _order(clinic, wish.order)
    wish = replace(wish, view=wanted.key, level=level, order=wish.order if key else "", way=wish.way if key else "")
    return wish, _sorted(found, key, wish.way == DOWN)


def _first_view(clinic: Clinic, rows: Sequence[ClinicRow], views: Sequence[View]) -> View:
    """Those who need us, or everybody when nobody does; in a package its whole list."""
    key = "i-dag" if clinic.package is None and any(VIEWS[0].holds(row) for row in rows) else "alle"
    return next(one for one in views if one.key == key)


def _order(clinic: Clinic, order: str) -> Callable[[Person], tuple[int, Any]] | None:
    """How to order: what is not known comes last, whichever way."""
    if clinic.package is not None:
        column = lists.column_of(clinic.package, order)
        if column is not None:
            return lambda person: cockpit_cells.key(
                column, clinic.cells.get(person.lead.episode_id, {}).get(column.id, NOTHING), person.lead
            )
    plain = _ORDERS.get(order)
    if plain is None:
        return None

    def key(person: Person) -> tuple[int, Any]:
        value = plain(person)
        return (1 if value == _LAST else 0, value)

    return key


def _sorted(found: list[Person], key: Callable[[Person], tuple[int, Any]] | None, down: bool) -> list[Person]:
    if key is None:
        return found
    known = [person for person in found if key(person)[0] == 0]
    unknown = [person for person in found if key(person)[0] != 0]
    # Text and numbers do not stand in one column, so its keys can be held together.
    return [*sorted(known, key=key, reverse=down), *unknown]


def page(
    clinic: Clinic, wish: Wish, *, search: str = "", found_by_number: Collection[str] | None = None
) -> CockpitPage:
    """The list in one view. A search looks through everything, whatever filter stood before."""
    rows, views = rows_of(clinic), views_of(clinic)
    held = clinic.package
    if search:
        everything = list(clinic.rows)
        found = people([row for row in everything if _matches(row, search, found_by_number)], everything)
        wish = replace(wish, view="", level="")
    else:
        wish, found = chosen(clinic, wish)
    wanted = next((one for one in views if one.key == wish.view), None)
    never = never_measured(rows) if held is None else ()
    counted = people([row for row in rows if wanted is None or wanted.holds(row)], rows) if not search else found
    start = held is not None and wish.view == "start"
    names = frozenset(held.cockpit.start_list.columns) if held is not None and start else None
    shown = found[: wish.count]
    screen = held.cockpit if held is not None else None
    empty = screen.start_list.empty if screen is not None and start else screen.empty if screen is not None else None
    return CockpitPage(
        rows=tuple(row_of(person, clinic, never, names) for person in shown),
        packages=_packages(clinic, wish),
        tabs=tuple(
            Tab(
                one.key,
                one.title,
                len({row.patient_id for row in rows if one.holds(row)}),
                wish.url(view=one.key, level=""),
                one.key == wish.view,
            )
            for one in views
        ),
        levels=_levels(wish, counted, bool(search)) if held is None else (),
        columns=_columns(wish, held),
        orders=_orders(wish, held),
        never_measured=never,
        search=search,
        shown=len(found),
        total=len({row.patient_id for row in rows}),
        package=held.id if held is not None else "",
        title={"da": screen.title.da, "en": screen.title.en} if screen is not None else {},
        empty={"da": empty.da, "en": empty.en} if empty is not None else {},
        more_url=wish.url(count=wish.count + STEP) if len(found) > wish.count and not search else "",
        query=wish.query(count=STEP),
        saved=clinic.saved,
        order_key=wish.order,
        order_way=wish.way,
    )


def _packages(clinic: Clinic, wish: Wish) -> tuple[Tab, ...]:
    everybody = len({row.patient_id for row in clinic.rows})
    first = Tab("", _("Alle pakker"), everybody, reverse("web:cockpit"), not wish.package)
    own = []
    for held in clinic.packages.values():
        phases = {*held.cockpit.phases, *held.cockpit.start_list.phases}
        count = sum(1 for row in clinic.rows if row.package == held.id and row.phase in phases)
        title = {"da": held.cockpit.title.da, "en": held.cockpit.title.en}
        own.append(Tab(held.id, title, count, Wish(package=held.id).url(), wish.package == held.id))
    return (first, *own)


def _levels(wish: Wish, counted: Sequence[Person], searched: bool) -> tuple[Tab, ...]:
    url = wish.url(level="", view=wish.view or "alle")
    tabs = [Tab("alle", "", len(counted), url, not searched and not wish.level)]
    for key, title, number in _LEVELS:
        parameter = _LEVEL_PARAMETER[key]
        count = sum(1 for person in counted if person.level == number)
        url = wish.url(level=parameter, view=wish.view or "alle")
        tabs.append(Tab(key, title, count, url, wish.level == parameter))
    return tuple(tabs)


def _columns(wish: Wish, held: Package | None) -> tuple[Column, ...]:
    """The heads of the table. In a package the last is what its other columns say, ordered by the list beside."""
    heads = _COLUMNS if held is None else (*_COLUMNS[:4], ("tal", _("Tal og datoer")))
    found = []
    for key, title in heads:
        way = ("descending" if wish.way == DOWN else "ascending") if key == wish.order else ""
        if key == "niveau" and way:
            way = "ascending" if wish.way == DOWN else "descending"
        turned = DOWN if key and key == wish.order and wish.way != DOWN else ""
        url = "" if key == "tal" else wish.url(order=key, way=turned)
        found.append(Column(key or "vigtigst", title, url, way))
    return tuple(found)


def _orders(wish: Wish, held: Package | None) -> tuple[Column, ...]:
    """Everything the list can be ordered by, to choose from."""
    found = [Column("", _("Det vigtigste øverst"), "", "" if wish.order else "ascending")]
    known = dict(_COLUMNS)
    for key in ("navn", *(("niveau", "frist", "kontrol") if held is None else ())):
        found.append(Column(key, known[key], "", "ascending" if key == wish.order else ""))
    for column in held.cockpit.columns if held is not None else ():
        title = {"da": column.title.da, "en": column.title.en}
        found.append(Column(column.id, title, "", "ascending" if column.id == wish.order else ""))
    return tuple(found)


def _matches(row: ClinicRow, search: str, found_by_number: Collection[str] | None) -> bool:
    if found_by_number is not None:
        return row.patient_id in found_by_number
    name = row.name.casefold()
    return all(word in name for word in search.casefold().split())


def never_measured(rows: Sequence[ClinicRow]) -> tuple[Mapping[str, str], ...]:
    """What every course of the clinic lacks: that says something about the clinic's data, not about a patient."""
    asked = [row.missing for row in rows if row.phase != "declined"]
    if len(asked) < _ENOUGH:
        return ()
    return tuple(text for text in asked[0] if all(text in missing for missing in asked))
