"""The line of a key is the line an author sees in the editor."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tovholder.packages.locate import locate

TEXT = '''# comment
id = "x"
title.da = "a"
title.en = "b"
sql = """
key = 1
[not.a.table]
"""
list = [
  { inner = 1 },
  { inner = 2 },
]

[[rows]]
name = "one"
[rows.when]
any = [{ a = 1 }]
[[rows.steps]]
n = 1
[[rows.steps]]
n = 2

[[rows]]
name = "two"  # with = sign
[[rows.steps]]
n = 3
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("id",), 2),
        (("title",), 3),
        (("title", "en"), 4),
        (("sql",), 5),
        (("list", 1, "inner"), 9),
        (("rows", 0), 14),
        (("rows", 0, "when", "any", 0, "a"), 17),
        (("rows", 0, "steps", 1, "n"), 21),
        (("rows", 1, "name"), 24),
        (("rows", 1, "steps", 0, "n"), 26),
        (("absent",), 1),
        (("rows", 1, "absent"), 23),
    ],
)
def test_line(path: tuple[str | int, ...], line: int):
    tomllib.loads(TEXT)
    assert locate(TEXT).line(path) == line


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), min_size=1, max_size=6, unique_by=lambda p: p[0])
)
def test_every_key_is_found_on_the_line_it_was_written(entries: list[tuple[str, int]]):
    lines: list[str] = []
    wanted: dict[str, int] = {}
    for key, kind in entries:
        wanted[key] = len(lines) + 1
        lines += {
            0: [f"{key} = 1"],
            1: [f'{key} = """', "z = 2", '"""'],
            2: [f"{key} = [", "  1, # ]", '  2, # "', "]"],
            3: [f"{key}.inner = {{ x = '[' }}"],
        }[kind]
    text = "\n".join(lines)
    tomllib.loads(text)
    assert {key: locate(text).line((key,)) for key in wanted} == wanted
