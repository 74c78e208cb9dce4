"""Owns who is on a list: birth day, sex, who has KOL, which other diagnoses, drawn as arrays (domain.md §8.1-8.2)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from tovholder.demo.synth.config import KOL_PREVALENCE

Floats = NDArray[np.float64]

# Inhabitants in thousands by five-year age band from 0, Denmark about 2024, rounded from general knowledge.
_MEN = (
    158,
    155,
    168,
    177,
    191,
    211,
    210,
    180,
    172,
    186,
    199,
    213,
    188,
    165,
    147,
    133,
    77,
    35,
    11,
    2.5,
)
_WOMEN = (
    150,
    147,
    159,
    168,
    182,
    200,
    201,
    176,
    172,
    186,
    199,
    212,
    191,
    172,
    158,
    150,
    95,
    52,
    23,
    7.5,
)

# Share with hospital-diagnosed KOL, % (from age, men, women): domain.md §8.2 [LH9]. Only its shape by age and sex is
# used, scaled so that the whole population gives KOL_PREVALENCE. 35-44 is our own small tail; younger people get none.
_KOL_SHAPE = (
    (35, 0.04, 0.05),
    (45, 0.36, 0.49),
    (60, 1.37, 1.74),
    (75, 4.13, 3.96),
    (85, 4.33, 2.99),
)


@dataclass(frozen=True, slots=True)
class OtherDiagnosis:
    """A diagnosis other than KOL: share by age (from age, share), and how much more likely with KOL."""

    icpc2: str
    text: str
    by_age: tuple[tuple[int, float], ...]
    with_kol: float


# Shares are round figures from general knowledge, made to give a list that looks like one; nothing is measured on them.
OTHER: tuple[OtherDiagnosis, ...] = (
    OtherDiagnosis("R96", "Astma", ((0, 0.06), (18, 0.055), (60, 0.05)), 1.6),
    OtherDiagnosis("K86", "Hypertension", ((30, 0.02), (45, 0.12), (60, 0.3), (75, 0.42)), 1.2),
    OtherDiagnosis("T90", "Type 2-diabetes", ((30, 0.01), (45, 0.05), (60, 0.11), (75, 0.14)), 1.3),
    OtherDiagnosis(
        "L84",
        "Rygsyndrom uden smerteudstråling",
        ((25, 0.02), (45, 0.035), (65, 0.03)),
        1.1,
    ),
    OtherDiagnosis(
        "L86",
        "Rygsyndrom med smerteudstråling",
        ((25, 0.008), (45, 0.015), (65, 0.014)),
        1.1,
    ),
    OtherDiagnosis("L03", "Lændesmerter", ((18, 0.02), (45, 0.025)), 1.1),
    OtherDiagnosis("P76", "Depression", ((18, 0.04), (45, 0.045), (75, 0.04)), 1.8),
)


@dataclass(frozen=True, slots=True)
class People:
    """A list of people, one place in each array per person."""

    births: NDArray[np.datetime64]
    female: NDArray[np.bool_]
    age: NDArray[np.int64]
    kol: NDArray[np.bool_]
    other: NDArray[np.bool_]  # person x diagnosis of OTHER

    def __len__(self) -> int:
        return len(self.births)


def kol_share(age: NDArray[np.int64], female: NDArray[np.bool_]) -> Floats:
    """Expected share with diagnosed KOL for each age and sex."""
    return _shape(age, female) * _SCALE


def whole_list(rng: np.random.Generator, anchor: date, size: int) -> People:
    """A clinic's whole list: everybody, of whom exactly the expected number has KOL."""
    births, female, age = _draw(rng, anchor, size, np.array(_MEN), np.array(_WOMEN))
    share = kol_share(age, female)
    wanted = round(KOL_PREVALENCE * size)
    chosen = rng.choice(size, size=wanted, replace=False, p=share / share.sum())
    kol = np.zeros(size, dtype=np.bool_)
    kol[chosen] = True
    return People(births, female, age, kol, _others(rng, age, kol))


def package_patients(rng: np.random.Generator, anchor: date, size: int) -> People:
    """Only people with KOL, with the ages and sexes such people have."""
    bands = np.arange(len(_MEN)) * 5 + 2
    men = np.array(_MEN) * kol_share(bands, np.zeros(len(bands), dtype=np.bool_))
    women = np.array(_WOMEN) * kol_share(bands, np.ones(len(bands), dtype=np.bool_))
    births, female, age = _draw(rng, anchor, size, men, women)
    kol = np.ones(size, dtype=np.bool_)
    return People(births, female, age, kol, _others(rng, age, kol))


def _shape(age: NDArray[np.int64], female: NDArray[np.bool_]) -> Floats:
    values = np.zeros(len(age), dtype=np.float64)
    for start, men, women in _KOL_SHAPE:
        values = np.where(age >= start, np.where(female, women, men), values)
    return values


def _scale() -> float:
    bands = np.arange(len(_MEN)) * 5 + 2
    men, women = np.array(_MEN), np.array(_WOMEN)
    ill = (men * _shape(bands, np.zeros(len(bands), dtype=np.bool_))).sum() + (
        women * _shape(bands, np.ones(len(bands), dtype=np.bool_))
    ).sum()
    return float(KOL_PREVALENCE * (men.sum() + women.sum()) / ill)


_SCALE = _scale()


def _draw(
    rng: np.random.Generator, anchor: date, size: int, men: Floats, women: Floats
) -> tuple[NDArray[np.datetime64], NDArray[np.bool_], NDArray[np.int64]]:
    weights = np.concatenate([men, women])
    cell = rng.choice(len(weights), size=size, p=weights / weights.sum())
    female = cell >= len(men)
    age = (cell % len(men)) * 5 + rng.integers(0, 5, size=size)
    today = np.datetime64(anchor, "D")
    births = today - (np.floor(age * 365.2425).astype(np.int64) + rng.integers(1, 365, size=size))
    month_day = births - births.astype("datetime64[Y]").astype("datetime64[D]")
    births = np.where(month_day == np.timedelta64(0, "D"), births + np.timedelta64(1, "D"), births)  # never 1 January
    return births, female, age.astype(np.int64)


def _others(rng: np.random.Generator, age: NDArray[np.int64], kol: NDArray[np.bool_]) -> NDArray[np.bool_]:
    shares = np.zeros((len(age), len(OTHER)), dtype=np.float64)
    for column, diagnosis in enumerate(OTHER):
        for start, share in diagnosis.by_age:
            shares[:, column] = np.where(age >= start, share, shares[:, column])
        shares[:, column] *= np.where(kol, diagnosis.with_kol, 1.0)
    return rng.random(shares.shape) < shares
