"""Reference data of regions, sundhedsråd and municipalities, and the fictitious health service built on it."""

from __future__ import annotations

from collections import Counter
from datetime import date

from tovholder.demo.synth import SynthConfig
from tovholder.demo.synth.geography import geography
from tovholder.demo.synth.organisations import FIRST_CLINIC_NAME, directory, organisation_resources
from tovholder.fhir.validate import validate

BEFORE, AFTER = date(2026, 12, 31), date(2027, 1, 1)


def test_five_regions_until_the_end_of_2026_and_four_after() -> None:
    assert {region.code for region in geography().regions_on(BEFORE)} == {"DK-81", "DK-82", "DK-83", "DK-84", "DK-85"}
    assert {region.code for region in geography().regions_on(AFTER)} == {"DK-81", "DK-82", "DK-83", "DK-OEST"}


def test_17_sundhedsraad_hold_each_of_the_98_municipalities_once() -> None:
    geo = geography()
    assert len(geo.councils) == 17
    codes = [municipality.code for municipality in geo.municipalities]
    assert len(codes) == len(set(codes)) == 98
    assert all(len(code) == 4 and code.isdigit() for code in codes)


def test_every_sundhedsraad_lies_in_exactly_one_region_on_each_side_of_the_merger() -> None:
    geo = geography()
    before = Counter(geo.region_of(council.code, BEFORE).code for council in geo.councils)
    after = Counter(geo.region_of(council.code, AFTER).code for council in geo.councils)
    assert before == {"DK-81": 2, "DK-82": 5, "DK-83": 4, "DK-84": 4, "DK-85": 2}
    assert after == {"DK-81": 2, "DK-82": 5, "DK-83": 4, "DK-OEST": 6}


def test_the_directory_is_the_same_for_the_same_seed_and_another_for_another() -> None:
    config = SynthConfig(seed=5, anchor=date(2026, 11, 23))
    assert directory(config) == directory(config)
    assert directory(config) != directory(SynthConfig(seed=6, anchor=date(2026, 11, 23)))


def test_the_first_full_clinic_always_has_its_name_and_people() -> None:
    for seed in (1, 2):
        first = directory(SynthConfig(seed=seed, anchor=BEFORE)).clinics[0]
        assert (first.place.name, first.place.municipality.name, first.full) == (FIRST_CLINIC_NAME, "Randers", True)
        assert first.place.workers[0].name == "Anna Holm"


def test_clinics_stand_in_every_region_and_bear_different_names() -> None:
    everywhere = directory(SynthConfig(seed=9, anchor=BEFORE))
    regions = {geography().region_of(clinic.place.municipality.council, BEFORE).code for clinic in everywhere.clinics}
    assert regions == {"DK-81", "DK-82", "DK-83", "DK-84", "DK-85"}
    names = [clinic.place.name for clinic in everywhere.clinics]
    assert len(names) == len(set(names)) == 21


def test_organisations_are_valid_point_backwards_only_and_have_ids_of_their_own() -> None:
    for anchor in (BEFORE, AFTER):
        config = SynthConfig(seed=4, anchor=anchor, package_clinics=30)
        seen: set[str] = set()
        identifiers: list[tuple[str, str]] = []
        for resource in organisation_resources(config, directory(config)):
            assert validate(resource) == []
            parents = [resource.get("partOf"), resource.get("practitioner"), resource.get("organization")]
            assert all(parent["reference"] in seen for parent in parents if parent)
            seen.add(f"{resource['resourceType']}/{resource['id']}")
            identifiers += [(item["system"], item["value"]) for item in resource.get("identifier", ())]
        assert len(identifiers) == len(set(identifiers))
