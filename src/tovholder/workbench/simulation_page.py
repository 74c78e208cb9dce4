"""A simulation as one HTML file that needs nothing else: charts as SVG, and beside each the table it is drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from tovholder.base import days
from tovholder.packages.common import Text
from tovholder.packages.difference import TITLES, Difference
from tovholder.packages.wording import both
from tovholder.workbench.simulate import Side, Simulation

_STYLE = """
body { font: 1.1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff; }
body { margin: 0 auto; max-width: 62rem; padding: 1rem; }
h1 { line-height: 1.2; } h2 { margin-top: 2.5rem; border-bottom: 2px solid #005a9e; }
table { border-collapse: collapse; margin: 1rem 0; } caption { text-align: left; font-weight: 600; }
th, td { border: 1px solid #8a8a8a; padding: .25rem .6rem; text-align: right; } th[scope=row], th.w { text-align: left; }
.scroll { overflow-x: auto; } svg { width: 100%; height: auto; } figure { margin: 1rem 0; }
.key { display: inline-block; width: 1.2em; height: .8em; margin-right: .3em; border: 1px solid #1a1a1a; }
.before { fill: #fff; background: #fff; stroke: #1a1a1a; } .after { fill: #005a9e; background: #005a9e; stroke: #005a9e; }
polyline { stroke-width: 2.5; } polyline.before { stroke-dasharray: 6 4; fill: none; }
polyline.after { fill: none; } text { font-size: 13px; fill: #1a1a1a; stroke: none; } .axis { stroke: #8a8a8a; }
@media print { body { max-width: none; } }
"""
_WHAT = {"added": both("Nyt", "New"), "removed": both("Udgår", "Taken away"), "changed": both("Ændret", "Changed")}
_LEVELS = {
    "1": both("Niveau 1", "Level 1"),
    "2": both("Niveau 2", "Level 2"),
    "3": both("Niveau 3", "Level 3"),
    "none": both("Intet forslag", "No proposal"),
}
_W = {
    "lead": both(
        "Intet er ændret: pakken er afprøvet på {patients} patienter, som de kendes {day}.",
        "Nothing has been changed: the package was tried on {patients} patients, as they are known on {day}.",
    ),
    "before": both("Gælder nu", "In force"),
    "after": both("Afprøvet", "Tried"),
    "differs": both("Hvad er ændret i pakken", "What differs in the package"),
    "no": both("Ingen forskel.", "No difference."),
    "who": both("Hvem", "Who"),
    "included": both("Tilbydes forløbet", "Offered the course"),
    "levels": both("Forslag til niveau for dem, der tilbydes forløbet", "Level proposals for those offered the course"),
    "visits": both("Forventede besøg i klinikken pr. måned", "Expected visits at the clinic by month"),
    "visits_note": both(
        "Alle, der tilbydes forløbet, regnes som om deres plan begynder i dag, på det besluttede niveau eller, hvor det"
        " mangler, det foreslåede. Uden et af dem laves der ingen plan.",
        "Everybody offered the course is counted as if their plan began today, at the decided level or, for want of one,"
        " the proposed. Without either no plan is made.",
    ),
    "flags": both("Flag, der står, pr. uge", "Standing flags by week"),
    "flags_note": both(
        "Hver uge er spurgt om det, der var kendt den dag. Planernes trin er dem, der er lagt: pakkens nye trin er ikke"
        " regnet med. Hvad der ikke er dateret, som en aflyst aftale, står, som det er nu.",
        "Each week is asked of what was known that day. The plans' steps are those that were planned: new steps of the"
        " package are not counted in. What is not dated, as a cancelled appointment, stands as it is now.",
    ),
    "rule": both("Flag pr. regel den seneste uge", "Flags by rule in the latest week"),
    "clinic": both("Flag pr. klinik den seneste uge", "Flags by clinic in the latest week"),
    "month": both("Måned", "Month"),
    "week": both("Ugen til og med", "Week until"),
    "title": both("Afprøvning af {title} {version}", "Trial of {title} {version}"),
}


def html(found: Simulation, language: str = "da") -> str:
    """The whole page."""

    def say(name: str, **values: object) -> str:
        return escape(_W[name][language].format(**values) if values else _W[name][language])

    title = say("title", title=found.new.titles[language], version=found.new.version)
    last = found.weeks[-1] if found.weeks else None
    months = _both(found.before.per_month(), found.after.per_month())
    weeks = {days.iso(day): held for day, held in _both(found.before.per_week(), found.after.per_week()).items()}
    legend = (
        f'<p><span class="key before"></span>{say("before")} ({escape(found.old.version if found.old else "–")})'
        f' <span class="key after"></span>{say("after")} ({escape(found.new.version)})</p>'
    )
    parts = [
        f"<h1>{title}</h1>",
        f"<p>{say('lead', patients=found.patients, day=days.iso(found.today))}</p>",
        f"<h2>{say('differs')}</h2>",
        _differences(found.differences, language) or f"<p>{say('no')}</p>",
        f"<h2>{say('who')}</h2>",
        _table(say, say("levels"), "", _people(found, language)),
        f"<h2>{say('visits')}</h2>",
        f"<p>{say('visits_note')}</p>",
        legend,
        _bars(say("visits"), months),
        _table(say, say("visits"), say("month"), months),
        f"<h2>{say('flags')}</h2>",
        f"<p>{say('flags_note')}</p>",
        legend,
        _lines(say("flags"), weeks),
        _table(say, say("flags"), say("week"), weeks),
    ]
    if last is not None:
        parts += [
            _table(say, say("rule"), "", _rules(found, last, language)),
            _table(say, say("clinic"), "", _clinics(found, last)),
        ]
    return (
        f'<!DOCTYPE html>\n<html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


Pairs = Mapping[str, tuple[int, int]]


def _both(before: Mapping[Any, int], after: Mapping[Any, int]) -> dict[Any, tuple[int, int]]:
    return {key: (before.get(key, 0), after.get(key, 0)) for key in sorted({*before, *after})}


def _people(found: Simulation, language: str) -> Pairs:
    made = {_W["included"][language]: (found.before.included, found.after.included)}
    for key, name in _LEVELS.items():
        made[name[language]] = (found.before.levels[key], found.after.levels[key])
    return made


def _rules(found: Simulation, day: int, language: str) -> Pairs:
    titles: dict[str, Text] = {}
    for package in (found.old, found.new):
        titles |= {rule.id: rule.title for rule in package.rules} if package is not None else {}
    return {
        title[language]: (_on(found.before, day, rule=rule), _on(found.after, day, rule=rule))
        for rule, title in titles.items()
    }


def _clinics(found: Simulation, day: int) -> Pairs:
    asked = sorted({where for side in (found.before, found.after) for at, where, _ in side.flags if at == day})
    return {
        found.clinics.get(where) or where or "–": (_on(found.before, day, where), _on(found.after, day, where))
        for where in asked
    }


def _on(side: Side, day: int, where: str | None = None, *, rule: str = "") -> int:
    return sum(
        count
        for (at, clinic, name), count in side.flags.items()
        if at == day and where in (None, clinic) and rule in ("", name)
    )


def _differences(found: Sequence[Difference], language: str) -> str:
    """What differs, part by part."""
    made = ""
    for part in dict.fromkeys(item.part for item in found):
        lines = "".join(_difference(item, language) for item in found if item.part == part)
        made += f"<h3>{escape(TITLES[part][language])}</h3><ul>{lines}</ul>"
    return made


def _difference(item: Difference, language: str) -> str:
    told = [item.told[language]] if item.told is not None and item.what == "added" else []
    told += [f"{one.label[language]}: {one.before[language]} → {one.after[language]}" for one in item.details]
    more = f"<br>{escape('; '.join(told))}" if told else ""
    return f"<li>{escape(_WHAT[item.what][language])}: {escape(item.title[language])}{more}</li>"


def _table(say: Any, caption: str, first: str, rows: Pairs) -> str:
    body = "".join(
        f'<tr><th scope="row">{escape(str(name))}</th><td>{old}</td><td>{new}</td><td>{new - old:+d}</td></tr>'
        for name, (old, new) in rows.items()
    )
    head = "<td></td>" if not first else f'<th scope="col" class="w">{first}</th>'
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{caption}"><table>'
        f"<caption>{caption}</caption><thead><tr>{head}"
        f'<th scope="col">{say("before")}</th><th scope="col">{say("after")}</th><th scope="col">±</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


_WIDTH, _HEIGHT, _LEFT, _FOOT = 900, 300, 60, 40


def _frame(label: str, most: int, inner: str) -> str:
    grid = "".join(
        f'<line class="axis" x1="{_LEFT}" x2="{_WIDTH}" y1="{_y(value, most):.1f}" y2="{_y(value, most):.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{_y(value, most) + 4:.1f}" text-anchor="end">{value}</text>'
        for value in sorted({0, most // 2, most})
    )
    return f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">{grid}{inner}</svg></figure>'


def _y(value: float, most: int) -> float:
    return 10 + (_HEIGHT - _FOOT - 10) * (1 - value / (most or 1))


def _names(names: Sequence[str], wide: float) -> str:
    every = max(1, -(-len(names) // 8))
    return "".join(
        f'<text x="{_LEFT + wide * (place + 0.5):.1f}" y="{_HEIGHT - 14}" text-anchor="middle">{escape(name)}</text>'
        for place, name in enumerate(names)
        if place % every == 0
    )


def _bars(label: str, rows: Pairs) -> str:
    """Two bars for each name."""
    most = max((max(pair) for pair in rows.values()), default=0)
    wide = (_WIDTH - _LEFT) / max(1, len(rows))
    inner = "".join(
        f'<rect class="{side}" x="{_LEFT + wide * (place + shift):.1f}" width="{wide * 0.3:.1f}" y="{_y(value, most):.1f}"'
        f' height="{_y(0, most) - _y(value, most):.1f}"/>'
        for place, pair in enumerate(rows.values())
        for side, shift, value in (("before", 0.18, pair[0]), ("after", 0.52, pair[1]))
    )
    return _frame(label, most, inner + _names(list(rows), wide))


def _lines(label: str, rows: Pairs) -> str:
    """Two lines over the names: dashed as it is, whole as it would be."""
    most = max((max(pair) for pair in rows.values()), default=0)
    wide = (_WIDTH - _LEFT) / max(1, len(rows))
    inner = ""
    for number, side in enumerate(("before", "after")):
        points = " ".join(
            f"{_LEFT + wide * (place + 0.5):.1f},{_y(pair[number], most):.1f}"
            for place, pair in enumerate(rows.values())
        )
        inner += f'<polyline class="{side}" points="{points}"/>'
    return _frame(label, most, inner + _names(list(rows), wide))
