"""Owns fictitious CPR numbers: shaped like real ones, matching birth day and sex, and never assigned to anybody.

DK Core asks for a real day and month (so the day plus 60 of some test registers is refused) and no modulus 11. Our
numbers have the person's real birth day, a seventh digit that says the right century, and a last digit that says the
sex; but every one of them FAILS modulus 11, and nobody here is born on 1 January. The CPR office has given numbers
that fail modulus 11 to people born on certain 1 Januarys only (cpr.dk, "Personnumre uden kontrolciffer (modulus 11
kontrol)", list of 2023-05-10; the first such number is of 2007-10-01), so a failing number on any other day belongs
to nobody. That list is not promised to be complete for ever: these numbers are for demonstration and tests, never for
a register.
"""

from __future__ import annotations

from datetime import date

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

_WEIGHTS = (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)
_PER_DAY = 400  # serials 000-399 for the 1900s, 500-899 for the 2000s: both mean exactly one century
_EPOCH = np.datetime64("1900-01-01", "D")
_DAYS = 160 * 366


def passes_modulus_11(cpr: str) -> bool:
    """Whether a ten-digit number fulfils the old check-digit rule."""
    return sum(int(digit) * weight for digit, weight in zip(cpr, _WEIGHTS, strict=True)) % 11 == 0


def reserved(birth: date, female: bool, number: int) -> str:
    """A number for somebody named, born 1937 to 1999 and not on 1 January; ``CprSource`` never hands out these.

    number (0-99) tells apart people born on the same day. Raises ValueError outside that.
    """
    if not (1937 <= birth.year <= 1999 and 0 <= number <= 99) or (birth.month, birth.day) == (1, 1):
        raise ValueError("a reserved number is for a birth from 1937 to 1999, not on 1 January, number 0 to 99")
    head = np.array([birth.day * 10**4 + birth.month * 100 + birth.year % 100], dtype=np.int64)
    last = np.array([0 if female else 1], dtype=np.int64)
    return _written(head, np.array([900 + number], dtype=np.int64), last)[0]


def _written(head: Ints, serial: Ints, last: Ints) -> list[str]:
    """Ten digits from day, serial and a wished last digit, changed where the number would pass modulus 11."""
    remainder = np.zeros(len(head), dtype=np.int64)
    for position in range(6):
        remainder += head // 10 ** (5 - position) % 10 * _WEIGHTS[position]
    for position in range(3):
        remainder += serial // 10 ** (2 - position) % 10 * _WEIGHTS[6 + position]
    # The next last digit of the same sex differs by 2 (or by 8), so it cannot fulfil modulus 11 as well.
    last = np.where((remainder + last) % 11 == 0, (last + 2) % 10, last)
    return [f"{number:010d}" for number in (head * 10**4 + serial * 10 + last).tolist()]


class CprSource:
    """Hands out numbers; the same person-days in the same order give the same numbers, and none twice."""

    def __init__(self) -> None:
        self._used: NDArray[np.int32] = np.zeros(_DAYS, dtype=np.int32)

    def take(self, births: NDArray[np.datetime64], female: NDArray[np.bool_]) -> list[str]:
        """One number for each birth day (1900-01-02 to 2057-12-31, never a 1 January) and sex.

        Raises ValueError for a day outside that, or when a day has run out of numbers (400).
        """
        days = births.astype("datetime64[D]")
        index = (days - _EPOCH).astype(np.int64)
        years = days.astype("datetime64[Y]").astype(np.int64) + 1970
        months = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
        dates = (days - days.astype("datetime64[M]")).astype(np.int64) + 1
        if len(index) == 0:
            return []
        if index.min() < 0 or years.max() > 2057:
            raise ValueError("birth days from 1900 to 2057 only: other centuries share their serials")
        if bool(((months == 1) & (dates == 1)).any()):
            raise ValueError("no fictitious person is born on 1 January: such numbers may belong to somebody")
        rank = self._ranks(index)
        if rank.max() >= _PER_DAY:
            raise ValueError("a day has run out of fictitious numbers")
        # 7 and 400 share no factor: every serial of the day is used once before any is used again.
        serial = (rank * 7 + index * 13) % _PER_DAY + np.where(years >= 2000, 500, 0)
        head = dates * 10**4 + months * 100 + years % 100
        last = np.where(female, 0, 1) + 2 * ((index + rank) % 5)
        return _written(head, serial, last)

    def _ranks(self, index: Ints) -> Ints:
        """How many numbers of the same day were handed out before each one."""
        order = np.argsort(index, kind="stable")
        ordered = index[order]
        starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
        counts = np.diff(np.r_[starts, len(ordered)])
        within = np.arange(len(ordered)) - np.repeat(starts, counts)
        rank = np.empty(len(index), dtype=np.int64)
        rank[order] = within + self._used[ordered]
        self._used[ordered[starts]] += counts.astype(np.int32)
        return rank
