"""Owns how ill the people with KOL are: severity and what goes with it, drawn as arrays, one place per person.

The mix of severities is ours: the Copenhagen study of domain.md §8.2 (mild 6.2, moderate 9.2, severe and worse 2.0 % of
everybody) made a little graver, because those found and diagnosed are graver than those a survey finds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tovholder.demo.synth.people import People

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

GOLD_MIX = (0.24, 0.50, 0.20, 0.06)
_FEV1_LOW = np.array([80, 50, 30, 16])
_FEV1_HIGH = np.array([103, 80, 50, 30])
SMOKING = ("dagligt", "lejlighedsvis", "ophørt", "aldrig røget")
_SMOKING_MIX = (0.30, 0.05, 0.56, 0.09)


@dataclass(frozen=True, slots=True)
class Clinical:
    """The state of each person at the anchor day, and how it came there."""

    gold: Ints  # 1-4
    fev1: Floats  # % of predicted
    decline: Floats  # points of fev1 lost a year
    mrc: Ints  # 1-5
    cat: Ints  # 0-40
    exacerbations: Ints  # in the last year
    admissions: Ints  # in the last year, with KOL in exacerbation
    smoking: Ints  # index of SMOKING
    height: Floats  # m
    bmi: Floats
    saturation: Ints
    home_oxygen: Flags
    needs: Ints  # person x 4 needs: biological, psychological, social, health literacy, 1-3


def draw_clinical(rng: np.random.Generator, people: People) -> Clinical:
    """Draw it for these people (all of them with KOL). Older and graver go together a little."""
    size = len(people)
    tilt = np.clip((people.age - 70) / 20, -1.5, 1.5) * 0.05
    edges = np.cumsum(GOLD_MIX)[:3]
    gold = 1 + (np.clip(rng.random(size) + tilt, 0, 0.999)[:, None] >= edges).sum(axis=1).astype(np.int64)
    low, high = _FEV1_LOW[gold - 1], _FEV1_HIGH[gold - 1]
    fev1 = np.floor(low + rng.random(size) * (high - low))
    mrc = np.clip(np.rint(rng.normal(0.9 + 0.75 * gold, 0.8)), 1, 5).astype(np.int64)
    cat = np.clip(np.rint(rng.normal(2 + 3.2 * mrc + 1.5 * gold, 4.5)), 0, 40).astype(np.int64)
    exacerbations = rng.poisson(np.array([0.15, 0.45, 0.95, 1.7])[gold - 1]).astype(np.int64)
    admissions = np.minimum(
        rng.binomial(np.maximum(exacerbations, 0), np.array([0.08, 0.13, 0.25, 0.38])[gold - 1]),
        2,
    )
    height = np.where(people.female, rng.normal(1.64, 0.06, size), rng.normal(1.77, 0.07, size)).round(2)
    bmi = np.clip(rng.normal(27.5 - 0.9 * gold, 4.6), 16, 44).round(1)
    saturation = np.clip(np.rint(rng.normal(98.2 - 1.1 * gold, 1.2)), 85, 100).astype(np.int64)
    biological = np.clip(1 + (gold == 4) + (exacerbations >= 2) + (rng.random(size) < 0.12 * gold), 1, 3)
    rest = rng.choice([1, 2, 3], size=(size, 3), p=(0.88, 0.10, 0.02))
    return Clinical(
        gold=gold,
        fev1=fev1,
        decline=np.round(0.4 + rng.random(size) * 2.2, 1),
        mrc=mrc,
        cat=cat,
        exacerbations=exacerbations,
        admissions=admissions.astype(np.int64),
        smoking=rng.choice(len(SMOKING), size=size, p=_SMOKING_MIX).astype(np.int64),
        height=height,
        bmi=bmi,
        saturation=saturation,
        home_oxygen=(gold == 4) & (rng.random(size) < 0.3),
        needs=np.column_stack([biological, rest]).astype(np.int64),
    )
