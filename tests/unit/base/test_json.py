"""Decimals stay as written; what is not JSON is told with its place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.base import json
from tovholder.base.errors import Problem


@pytest.mark.parametrize(
    "text", ["1.10", "1.0", "100.00", "0.123456789012345678", "1e5", "1.5E-3", "12345678901234567890", "-0.50", "0.1"]
)
def test_a_number_comes_back_as_written(text: str) -> None:
    raw = f'{{"value":{text},"list":[{text}]}}'.encode()
    assert json.dumps(json.loads(raw)) == raw


@given(st.decimals(allow_nan=False, allow_infinity=False, places=3))
def test_any_decimal_comes_back_as_written(number: object) -> None:
    raw = f'{{"v":{number:f}}}'.encode()
    if b":-0" in raw and b"." not in raw:
        return  # integer minus zero is plain zero
    assert json.dumps(json.loads(raw)) == raw


@pytest.mark.parametrize("raw", [b"", b"{", b'{"a": NaN}', b'{"a": Infinity}', b"\xff", b"[1,]"])
def test_what_is_not_json_is_told(raw: bytes) -> None:
    with pytest.raises(Problem) as caught:
        json.loads(raw)
    assert "line" in caught.value.issues[0].path
