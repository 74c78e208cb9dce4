"""``tovholder referral table`` and ``tovholder bench referral``: what is asked for, what is wrong with a table, what it gives."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

from typer.testing import CliRunner

from tovholder.cli.main import app

OURS = files("tovholder.referral").joinpath("tables", "pakketabel.toml").read_text(encoding="utf-8")


def run(*words: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(words))
    return found.exit_code, found.output + str(found.exception or "")


def test_a_table_is_checked_and_shown(tmp_path: Path) -> None:
    good, bad = tmp_path / "god.toml", tmp_path / "daarlig.toml"
    good.write_text(OURS, encoding="utf-8")
    bad.write_text(OURS.replace('source = "kl-119"', 'source = "x"'), encoding="utf-8")
    code, told = run("referral", "table", "check", str(good))
    assert code == 0 and "is whole" in told
    code, told = run("referral", "table", "check", str(bad))
    assert code != 0 and "fault" in told
    code, told = run("referral", "table", "show", str(good), "--package", "kol", "--json")
    shown = json.loads(told)
    assert code == 0 and {row["package"] for row in shown["referrals"]} == {"kol"}
    assert run("referral", "table", "check", str(tmp_path / "intet.toml"))[0] != 0


def test_the_measurement_tells_its_gaps_and_fails_below_what_is_asked() -> None:
    code, told = run("bench", "referral", "--patients", "3", "--json", "--at-least", "0")
    found = json.loads(told)
    assert code == 0 and found["baseline_percent"] < found["prefilled_right_percent"]
    assert found["gaps"]["value_missing"] > 0 and found["referrals"]
    assert run("bench", "referral", "--patients", "3", "--at-least", "100")[0] == 1
