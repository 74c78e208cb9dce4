"""The copied front-end parts: fonts cut to woff2, nothing asked for that is not there, a clear word when npm was not run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


def load_tool(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


vendor_static = load_tool("vendor_static")


class TestFontFaces:
    CSS = (
        "@font-face{font-display:swap;font-family:Plex;font-weight:400;src:url(../f/eot/A.eot),"
        'url(../f/woff/A.woff) format("woff"),url(../f/woff2/A.woff2) format("woff2"),url(../f/ttf/A.ttf) format("truetype")}'
        "@font-face{font-family:Old;src:url(../f/eot/B.eot)}"
        '@font-face{font-family:system;src:local("Tahoma")}'
        "a{color:red}"
    )

    def test_points_at_woff2_alone(self) -> None:
        css, fonts = vendor_static.only_woff2(self.CSS)
        assert fonts == ("A.woff2",)
        assert 'src:url(../fonts/A.woff2) format("woff2")}' in css
        assert ".eot" not in css
        assert ".ttf" not in css

    def test_drops_a_face_without_woff2_and_keeps_local_ones(self) -> None:
        css, _ = vendor_static.only_woff2(self.CSS)
        assert "Old" not in css
        assert 'local("Tahoma")' in css
        assert css.endswith("a{color:red}")


def test_missing_node_modules_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(vendor_static.Missing, match="npm ci"):
        vendor_static.vendor(tmp_path / "node_modules", tmp_path / "vendor")
    assert not (tmp_path / "vendor").exists()


def test_a_missing_part_leaves_the_old_copy(tmp_path: Path) -> None:
    (tmp_path / "node_modules").mkdir()
    old = tmp_path / "vendor"
    old.mkdir()
    (old / "kept.css").write_text("kept")
    with pytest.raises(vendor_static.Missing, match=r"dkfds\.min\.css"):
        vendor_static.vendor(tmp_path / "node_modules", old)
    assert (old / "kept.css").read_text() == "kept"


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("static") / "vendor"
    vendor_static.vendor(target=target)
    return target


@pytest.mark.skipif(not (ROOT / "node_modules" / "dkfds").is_dir(), reason="npm ci has not been run")
class TestWithTheRealPackages:
    def test_every_file_the_style_sheet_names_is_there(self, copied: Path) -> None:
        css = (copied / "css" / "dkfds.min.css").read_text()
        named = [url for url in re.findall(r"url\(\"?([^)\"]+)\"?\)", css) if not url.startswith("data:")]
        assert len(named) > 50
        missing = [url for url in named if not (copied / "css" / url).resolve().is_file()]
        assert missing == []

    def test_no_other_font_format_and_no_source_map(self, copied: Path) -> None:
        assert {path.suffix for path in (copied / "fonts").iterdir()} == {".woff2"}
        for path in [*copied.rglob("*.js"), *copied.rglob("*.css")]:
            assert "sourceMappingURL" not in path.read_text(encoding="utf-8")

    def test_licences_come_along(self, copied: Path) -> None:
        text = (copied / "LICENCES.txt").read_text(encoding="utf-8")
        for part in ("SIL Open Font License", "Apache License", "Zero-Clause BSD", "MIT license"):
            assert part.casefold() in text.casefold()

    def test_icons_used_in_templates_are_in_the_sprite(self, copied: Path) -> None:
        sprite = (copied / "img" / "all-svg-icons.svg").read_text(encoding="utf-8")
        templates = ROOT / "src" / "tovholder" / "web" / "templates"
        used = {
            name for path in templates.rglob("*.html") for name in re.findall(r'{% icon "([^"]+)"', path.read_text())
        }
        assert used
        assert [name for name in sorted(used) if f'id="{name}"' not in sprite] == []
