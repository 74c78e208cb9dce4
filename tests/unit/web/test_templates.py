"""What the content security policy and accessibility ask of every template."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from unit.web.catalogue import WEB

TEMPLATES = sorted((WEB / "templates").rglob("*.html"))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.relative_to(WEB / "templates").as_posix())
class TestTemplate:
    def test_holds_no_inline_script_style_or_handler(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<style|\sstyle=", text)
        assert not re.search(r"\son[a-z]+=", text)
        assert not re.search(r"<script(?![^>]*\ssrc=)", text)

    def test_posts_with_a_csrf_token(self, path: Path) -> None:
        text = path.read_text(encoding="utf-8")
        for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", text, flags=re.DOTALL):
            assert "{% csrf_token %}" in form

    def test_marks_nothing_as_safe(self, path: Path) -> None:
        assert not re.search(r"\|\s*safe\b|autoescape off", path.read_text(encoding="utf-8"))

    def test_asks_no_other_host_for_anything(self, path: Path) -> None:
        assert not re.search(r"(?:src|href)=\"(?:https?:)?//", path.read_text(encoding="utf-8"))
