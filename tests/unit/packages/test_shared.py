"""What packages may share is one list, whole and in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from tovholder.base.errors import Problem
from tovholder.packages import builtin, shared


def test_the_list_is_read():
    known = shared.known()
    assert known["blodproeve"].counts == "test"
    assert known["kontrol"].within == ("aarsstatus",)
    assert {name for held in known.values() for name in held.within} <= set(known)


def test_packages_share_only_what_stands_there():
    named = {item.shared for held in builtin().values() for item in held.plan.activities if item.shared}
    assert named <= set(shared.known())


def test_a_list_with_a_hole_is_refused(tmp_path: Path):
    file = tmp_path / "shared.toml"
    file.write_text('[[shared]]\nid = "kontrol"\ncounts = "meeting"\n', encoding="utf-8")
    with pytest.raises(Problem) as caught:
        shared.load(file)
    assert "shared.toml" in str(caught.value.issues[0])
