"""Copies the front-end parts we ship from node_modules into src/tovholder/web/static/vendor/, fonts cut to woff2.

Run after `npm ci`. The target is git-ignored; every run makes it anew.
"""

from __future__ import annotations

import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULES = ROOT / "node_modules"
TARGET = ROOT / "src" / "tovholder" / "web" / "static" / "vendor"

_FONT_FACE = re.compile(r"@font-face\s*\{[^}]*\}")
_WOFF2 = re.compile(r"url\(([^)]*/([^/)]+\.woff2))\)")
_URL = re.compile(r"url\(\.\./(img/[^)\"']+)\)")
_SOURCE_MAP = re.compile(r"(/\*# sourceMappingURL=.*?\*/|//# sourceMappingURL=\S+)")


class Missing(Exception):
    """Something that should be in node_modules is not there."""


@dataclass(frozen=True, slots=True)
class Part:
    """One script taken as it is: where it lies, what we call it."""

    source: str
    target: str


SCRIPTS = (
    Part("dkfds/dist/js/dkfds.min.js", "js/dkfds.min.js"),
    Part("htmx.org/dist/htmx.min.js", "js/htmx.min.js"),
    Part("echarts/dist/echarts.simple.min.js", "js/echarts.simple.min.js"),
)
LETTER_FONTS = ("IBMPlexSans-Regular.ttf", "IBMPlexSans-Bold.ttf")  # embedded in letters (recall/letters.py)
SPRITE = Part("dkfds/dist/img/all-svg-icons.svg", "img/all-svg-icons.svg")
LICENCES = (
    ("dkfds (Det Fælles Designsystem), with its icons", "dkfds/LICENSE.md"),
    ("IBM Plex Sans", "dkfds/dist/fonts/IBMPlexSans/complete/woff2/license.txt"),
    ("htmx", "htmx.org/LICENSE"),
    ("Apache ECharts", "echarts/LICENSE"),
    ("Apache ECharts, notices", "echarts/NOTICE"),
)


def only_woff2(css: str) -> tuple[str, tuple[str, ...]]:
    """The style sheet with each @font-face pointing at its woff2 alone, and the font files it now needs."""
    needed: list[str] = []

    def rewrite(match: re.Match[str]) -> str:
        face = match.group(0)
        found = _WOFF2.search(face)
        if not found:
            return "" if "url(" in face else face
        needed.append(found.group(2))
        source = f'src:url(../fonts/{found.group(2)}) format("woff2")'
        return re.sub(r"src:.*?(?=;[a-z-]+:|\})", lambda _: source, face, flags=re.DOTALL)

    return _FONT_FACE.sub(rewrite, css), tuple(dict.fromkeys(needed))


def pictures_of(css: str) -> tuple[str, ...]:
    """The pictures a style sheet asks for, relative to the design system's dist folder."""
    return tuple(sorted(set(_URL.findall(css))))


def without_source_map(text: str) -> str:
    """The text without the line that names a source map we do not ship (static file storage would look for it)."""
    return _SOURCE_MAP.sub("", text)


def vendor(modules: Path = MODULES, target: Path = TARGET) -> list[str]:
    """Make the vendor folder anew; returns one line per thing done. Raises Missing when node_modules lacks a part."""
    if not modules.is_dir():
        raise Missing(f"{modules.name} is not there: run `npm ci` first, then this again. Nothing was changed.")
    style = _text(modules, "dkfds/dist/css/dkfds.min.css")
    css, fonts = only_woff2(without_source_map(style))
    if not fonts:
        raise Missing("the design system's style sheet names no woff2 font: its layout has changed, see only_woff2()")
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    done: list[str] = []
    _write(fresh / "css" / "dkfds.min.css", css)
    done.append(f"css/dkfds.min.css: {len(fonts)} fonts, woff2 only")
    for font in fonts:
        _copy(modules, f"dkfds/dist/fonts/IBMPlexSans/complete/woff2/{font}", fresh / "fonts" / font)
    for font in LETTER_FONTS:
        _copy(modules, f"dkfds/dist/fonts/IBMPlexSans/complete/ttf/{font}", fresh / "letters" / font)
    done.append(f"letters: {len(LETTER_FONTS)} fonts")
    pictures = pictures_of(css)
    for picture in pictures:
        _copy(modules, f"dkfds/dist/{picture}", fresh / picture)
    _copy(modules, SPRITE.source, fresh / SPRITE.target)
    done.append(f"img: {len(pictures)} pictures the style sheet names, and the icon sprite")
    for script in SCRIPTS:
        _write(fresh / script.target, without_source_map(_text(modules, script.source)))
        done.append(f"{script.target} from {script.source.split('/')[0]}")
    _write(fresh / "LICENCES.txt", _licences(modules))
    done.append(f"LICENCES.txt: {len(LICENCES)} texts")
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return done


def _licences(modules: Path) -> str:
    rule = "=" * 100
    return "\n\n".join(f"{rule}\n{name}\n{rule}\n\n{_text(modules, path).strip()}" for name, path in LICENCES) + "\n"


def _text(modules: Path, path: str) -> str:
    return _existing(modules, path).read_text(encoding="utf-8")


def _copy(modules: Path, path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(_existing(modules, path), target)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _existing(modules: Path, path: str) -> Path:
    found = modules / path
    if not found.is_file():
        raise Missing(f"{modules.name}/{path} is not there: run `npm ci` and then this again. Nothing was changed.")
    return found


def main() -> int:
    """Copy, and say what was done."""
    try:
        done = vendor()
    except Missing as error:
        print(f"vendor_static: {error}", file=sys.stderr)
        return 1
    print(f"{TARGET.relative_to(ROOT)}:")
    for line in done:
        print(f"  {line}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
