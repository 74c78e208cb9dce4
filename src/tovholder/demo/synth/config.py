"""Owns how large and how the fictitious population is: seed, anchor day, clinics and lists."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

KOL_PREVALENCE = 0.03  # diagnosed KOL among everybody: 182,000 of 6.0 m (domain.md §8.2)


@dataclass(frozen=True, slots=True)
class SynthConfig:
    """What to generate; the same values give the same bytes.

    anchor: the day "today" of the data, normally the day it is built. Everything dated lies before it, apart from
    booked appointments, due days and ends of windows. full_clinics have their whole list of list_size people;
    package_clinics have only their package patients (from three to five quarters of package_patients_per_clinic).
    everyday: mean number of ordinary visits per person on a full list, each a contact with four laboratory values.
    """

    seed: int
    anchor: date
    full_clinics: int = 1
    list_size: int = 1600
    package_clinics: int = 20
    package_patients_per_clinic: int = 48
    everyday: float = 0

    def __post_init__(self) -> None:
        if min(self.full_clinics, self.package_clinics, self.seed, self.everyday) < 0:
            raise ValueError("seed, full_clinics, package_clinics and everyday may not be negative")
        if self.list_size < 100 and self.full_clinics:
            raise ValueError("a full list has at least 100 people, or its ages cannot be a list's")
        if self.package_patients_per_clinic < 4 and self.package_clinics:
            raise ValueError("a package clinic has at least 4 package patients")

    @property
    def clinics(self) -> int:
        """How many clinics there are in all."""
        return self.full_clinics + self.package_clinics

    @property
    def people(self) -> int:
        """How many people to expect (package clinics vary)."""
        return self.full_clinics * self.list_size + self.package_clinics * self.package_patients_per_clinic
