"""Fictitious CPR numbers: shaped as DK Core asks, unique, and never one that may belong to somebody."""

from __future__ import annotations

import re
from datetime import date

import numpy as np
import pytest

from tovholder.demo.synth.cpr import CprSource, passes_modulus_11, reserved

# DK Core 3.7.0, dk-core-cpr-identifier, invariant "cpr".
DK_CORE = re.compile(
    r"^((((0[1-9]|1[0-9]|2[0-9]|3[0-1])(01|03|05|07|08|10|12))|((0[1-9]|1[0-9]|2[0-9]|30)(04|06|09|11))"
    r"|((0[1-9]|1[0-9]|2[0-9])(02)))[0-9]{6})$"
)


def _everybody(size: int, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    births = np.datetime64("1921-01-02") + rng.integers(0, 100 * 365, size=size)
    first = births == births.astype("datetime64[Y]").astype("datetime64[D]")
    return births + first.astype(np.int64), rng.random(size) < 0.5


def test_numbers_are_unique_and_shaped_as_dk_core_asks() -> None:
    births, female = _everybody(60_000)
    numbers = CprSource().take(births, female)
    assert len(set(numbers)) == len(numbers)
    assert all(DK_CORE.match(number) for number in numbers)


def test_no_number_passes_modulus_11_and_none_is_of_a_first_of_january() -> None:
    births, female = _everybody(60_000)
    numbers = CprSource().take(births, female)
    assert not [number for number in numbers if passes_modulus_11(number)]
    assert not [number for number in numbers if number.startswith("0101")]


def test_modulus_11_knows_a_number_that_passes() -> None:
    # 0·4 + 7·3 + 0·2 + 7·7 + 6·6 + 1·5 + 4·4 + 2·3 + 8·2 + 5·1 = 154 = 14 · 11
    assert passes_modulus_11("0707614285")
    assert not passes_modulus_11("0707614287")


@pytest.mark.parametrize(
    ("birth", "female", "sevenths", "odd"),
    [("1931-12-24", True, "0123", False), ("1999-06-30", False, "0123", True), ("2012-02-29", False, "5678", True)],
)
def test_the_number_tells_birth_day_century_and_sex(birth: str, female: bool, sevenths: str, odd: bool) -> None:
    number = CprSource().take(np.array([birth], dtype="datetime64[D]"), np.array([female]))[0]
    year, month, day = birth.split("-")
    assert number[:6] == day + month + year[2:]
    assert number[6] in sevenths
    assert (int(number[9]) % 2 == 1) is odd


def test_a_day_gives_400_numbers_and_then_says_so() -> None:
    source = CprSource()
    births = np.full(400, np.datetime64("1955-05-05"))
    women = np.ones(400, dtype=bool)
    assert len(set(source.take(births, women))) == 400
    with pytest.raises(ValueError, match="run out"):
        source.take(births[:1], women[:1])


def test_a_first_of_january_and_other_centuries_are_refused() -> None:
    for birth in ("1970-01-01", "1899-12-31", "2058-01-02"):
        with pytest.raises(ValueError):
            CprSource().take(np.array([birth], dtype="datetime64[D]"), np.array([True]))


def test_taking_in_parts_gives_other_numbers_but_never_the_same_twice() -> None:
    births, female = _everybody(4_000)
    source = CprSource()
    numbers = [number for part in range(4) for number in source.take(births[part::4], female[part::4])]
    assert len(set(numbers)) == len(births)


def test_reserved_numbers_keep_the_same_promises_and_are_never_handed_out() -> None:
    days = [date(year, 6, 27) for year in range(1937, 2000)]
    kept = [reserved(day, female, number) for day in days for number in range(100) for female in (True, False)]
    assert len(set(kept)) == len(kept)
    assert not [number for number in kept if passes_modulus_11(number) or not DK_CORE.match(number)]
    births, women = np.full(400, np.datetime64("1960-06-27")), np.ones(400, dtype=bool)
    assert not set(CprSource().take(births, women)) & set(kept)
    for day in (date(1960, 1, 1), date(1936, 5, 5), date(2000, 5, 5)):
        with pytest.raises(ValueError, match="reserved"):
            reserved(day, True, 1)
