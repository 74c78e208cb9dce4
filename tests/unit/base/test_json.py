"""Decimals stay as written; what is not JSON is told with its place."""

from __future__ import annotations

import json as stdlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.base import json
from tovholder.base.errors import Category, Problem


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


def told(raw: bytes | str, **limits: int) -> tuple[Category, str, str]:
    with pytest.raises(Problem) as caught:
        json.loads(raw, **limits)
    (issue,) = caught.value.issues
    return caught.value.category, issue.path, issue.message


@pytest.mark.parametrize(
    ("raw", "where"),
    [
        (b'{"a":1,"a":1}', "a"),
        (
            b'{ "resourceType": "Patient", "name": [{"given": ["A"]}, {"text": "A", "text": "B"}] }',
            "Patient.name[1].text",
        ),
        (b'{"resourceType":"Patient","a":{"b":1},"a":{"b":2}}', "Patient.a"),
        (b'{"a":"\\u003a","a":1}', "a"),  # the escaped colon hides the one that is gone
        (b'{"text":"a:b","text":"c"}', "text"),
        (b'{"a":{"b":1,"b":2},"a":3}', "a"),
        (b'{"a":1,"a":1.10}', "a"),
        (b'{"0702901234 \xc3\xa5":1,"0702901234 \xc3\xa5":1}', "\u2026"),
        (b'{"a":1,"\\u0061":1}', "a"),
    ],
)
def test_a_name_that_stands_twice_is_refused_with_its_place(raw: bytes, where: str) -> None:
    category, path, message = told(raw)
    assert (category, path) == (Category.MALFORMED, where)
    assert "twice" in message


@pytest.mark.parametrize(
    "raw",
    [
        b'{ "a" : "b:c" }',
        b'{"a":"\\u003a"}',
        b'{"a":"\\\\u003a"}',
        b'{"a":"\\u00e6\\u00f8","b":{"a":1},"c":[{"a":1},{"a":1.0}]}',
        b'\xef\xbb\xbf{"a":1}',
        b'{"a":"x\\/y"}',
    ],
)
def test_what_only_looks_as_if_a_name_stood_twice_is_read(raw: bytes) -> None:
    assert json.loads(raw) == stdlib.loads(raw.decode("utf-8-sig"))


@given(st.recursive(st.none() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)), st.booleans())
def test_no_name_is_thought_to_stand_twice(value: object, ascii_only: bool) -> None:
    assert json.loads(stdlib.dumps(value, indent=1, ensure_ascii=ascii_only)) == value


@given(st.dictionaries(st.text(max_size=6), st.text(max_size=6), min_size=1), st.booleans(), st.data())
def test_a_name_that_stands_twice_is_always_found(value: dict[str, str], ascii_only: bool, data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(sorted(value)))
    pairs = [*value.items(), (again, data.draw(st.text(max_size=6)))]
    members = (f"{stdlib.dumps(k, ensure_ascii=ascii_only)}: {stdlib.dumps(v)}" for k, v in pairs)
    assert "twice" in told('{"x": [{' + ",".join(members) + "}]}")[2]


def test_surrogates_and_broken_bytes_are_told() -> None:
    assert told('"\ud800"')[0] is Category.MALFORMED
    assert told(b'"\\ud800"')[0] is Category.MALFORMED
    assert told(b'{"a":"\xff"}')[0] is Category.MALFORMED
    assert told(b'{"a":"\xed\xa0\x80"}')[0] is Category.MALFORMED


def test_depth_is_limited() -> None:
    assert json.loads(b"[" * 20 + b"]" * 20, max_depth=20)
    assert told(b"[" * 21 + b"]" * 21, max_depth=20)[2].endswith("deeply")
    assert json.loads(b'{"a":' * 20 + b"1" + b"}" * 20, max_depth=20)
    assert told(b'{"a":' * 21 + b"1" + b"}" * 21, max_depth=20)[2].endswith("deeply")
    assert json.loads(b"[" + b"[]," * 50 + b"[]]", max_depth=20)
    assert told(b"[" * 900 + b"]" * 900)[2].endswith("deeply")
    assert told(b"[" * 100_000)[0] is Category.MALFORMED
    assert told(b'{"a":1,"a":' + b"[" * 900 + b"]" * 900 + b"}")[0] is Category.MALFORMED


def test_the_number_of_values_is_limited() -> None:
    assert len(json.loads(b"[" + b"1," * 98 + b"1]", max_values=100)) == 99
    assert told(b"[" + b"1," * 100 + b"1]", max_values=100)[0] is Category.TOO_LARGE
    assert told(b"[" + b"[]," * 100 + b"1]", max_values=100)[0] is Category.TOO_LARGE
    assert told(b"{" + b",".join(b'"%d":{}' % n for n in range(100)) + b"}", max_values=100)[0] is Category.TOO_LARGE
    assert json.loads(b'["' + b"a,b:c[" * 10 + b'"]', max_values=50)  # commas in a text are no values
