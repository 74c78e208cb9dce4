"""One plan of several: fewest days, no step lost or moved out of its window, and nothing decided for anybody."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from tovholder.packages.common import Text
from tovholder.plan.merge.domain import (
    Aim,
    Counts,
    Disagreement,
    Families,
    Merged,
    Origin,
    State,
    Step,
    performer_of,
)
from tovholder.plan.merge.together import merge
from tovholder.plan.values import Code

TODAY = 20_000
FAMILIES = Families(
    root={"aarsstatus": "aarsstatus", "kontrol": "aarsstatus"},
    counts={"aarsstatus": "visit", "kontrol": "visit", "blodproeve": "test", "rygestop": "offer"},
    order=("aarsstatus", "kontrol", "blodproeve"),
)
HBA1C, LDL = Code("npu", "NPU27300"), Code("npu", "NPU01568")


def text(words: str) -> Text:
    return Text(da=words, en=words)


def origin(identity: str, course: str, first: int, last: int, **more: object) -> Origin:
    """A step with its window told in days from today, due in the middle of it."""
    given = {
        "kind": f"{course}-kontrol",
        "title": text("Kontrol"),
        "shared": "kontrol",
        "performer": "gp",
        "due_day": TODAY + (first + last) // 2,
    } | more
    return Origin(
        id=identity,
        course=course,
        package=course,
        package_title=text(course),
        first_day=TODAY + first,
        last_day=TODAY + last,
        **given,  # type: ignore[arg-type]
    )


def merged(*origins: Origin, aims: tuple[Aim, ...] = ()) -> Merged:
    return merge(origins, FAMILIES, TODAY, aims)


def groups(found: Merged) -> set[frozenset[str]]:
    return {frozenset(item.id for item in step.origins) for step in found.steps}


# -- by hand ----------------------------------------------------------------------------------------------------------


def test_what_two_packages_share_is_one_step_with_both_origins_and_all_tests() -> None:
    [step] = merged(
        origin("a", "t2d", 10, 30, shared="blodproeve", tests=(HBA1C, LDL)),
        origin("b", "hjerte", 20, 60, shared="blodproeve", tests=(LDL,), performer="nurse"),
    ).steps
    assert [item.id for item in step.origins] == ["a", "b"]
    assert step.tests == (LDL, HBA1C)
    assert (step.first_day, step.last_day, step.day) == (TODAY + 20, TODAY + 30, TODAY + 20)
    assert step.performer == "gp"


def test_windows_that_do_not_meet_stay_apart() -> None:
    assert groups(merged(origin("a", "t2d", 0, 9), origin("b", "kol", 10, 20))) == {frozenset("a"), frozenset("b")}


def test_an_annual_status_is_a_check_up_too_and_gives_the_step_its_name() -> None:
    [step] = merged(origin("a", "t2d", 10, 30), origin("b", "kol", 5, 40, shared="aarsstatus")).steps
    assert step.shared == "aarsstatus"


def test_two_steps_of_one_course_are_never_one() -> None:
    found = merged(origin("a", "lrs", 0, 30), origin("b", "lrs", 10, 40), origin("c", "kol", 15, 25))
    assert len(found.steps) == 2
    assert all(len({item.course for item in step.origins}) == len(step.origins) for step in found.steps)


def test_the_same_kind_is_shared_without_an_id() -> None:
    one, other = (origin(name, name, 0, 9, shared=None, kind="spirometri") for name in ("kol", "hjerte"))
    assert groups(merged(one, other)) == {frozenset({"kol", "hjerte"})}


def test_every_third_month_and_every_sixth_take_four_visits_a_year() -> None:
    quarterly = [origin(f"q{at}", "t2d", at * 90 - 14, at * 90 + 14) for at in (1, 2, 3, 4)]
    halfyearly = [origin(f"h{at}", "kol", at * 180 - 14, at * 180 + 30) for at in (1, 2)]
    found = merged(*quarterly, *halfyearly)
    assert (found.before.visits, found.after.visits) == (6, 4)


def test_a_booked_step_pulls_others_to_its_day() -> None:
    agreed = origin("a", "kol", 0, 60, state=State.BOOKED, appointment="x", day=TODAY + 40)
    found = merged(agreed, origin("b", "t2d", 10, 50), origin("c", "hjerte", 10, 30))
    assert groups(found) == {frozenset("ab"), frozenset("c")}
    step = next(item for item in found.steps if item.state is State.BOOKED)
    assert (step.day, step.appointment) == (TODAY + 40, "x")


def test_two_agreed_days_stay_two() -> None:
    one = origin("a", "kol", 0, 60, state=State.BOOKED, appointment="x", day=TODAY + 40)
    other = origin("b", "t2d", 0, 60, state=State.BOOKED, appointment="y", day=TODAY + 40)
    assert groups(merged(one, other)) == {frozenset("a"), frozenset("b")}


def test_what_one_appointment_serves_is_one_step() -> None:
    both = [origin(name, name, 0, 60, state=State.BOOKED, appointment="x", day=TODAY + 4) for name in ("a", "b")]
    assert groups(merged(*both)) == {frozenset("ab")}
    done = [replace(item, state=State.DONE) for item in both]
    assert groups(merged(*done)) == {frozenset("ab")}


def test_what_is_done_or_rests_takes_nothing_along_and_counts_no_more() -> None:
    done = origin("a", "kol", 0, 60, state=State.DONE, day=TODAY)
    rests = origin("b", "t2d", 0, 60, state=State.PAUSED)
    found = merged(done, rests, origin("c", "hjerte", 0, 60))
    assert groups(found) == {frozenset("a"), frozenset("b"), frozenset("c")}
    assert found.before == found.after == Counts(visits=1)


def test_what_is_overdue_goes_along_with_what_may_be_done_today() -> None:
    late = origin("a", "kol", -60, -10)
    found = merged(late, origin("b", "t2d", -5, 20), origin("c", "hjerte", 5, 20))
    assert groups(found) == {frozenset("ab"), frozenset("c")}
    step = next(item for item in found.steps if item.overdue)
    assert step.day == TODAY
    [alone] = merged(late).steps
    assert (alone.overdue, alone.day) == (True, late.due_day)


def test_a_step_without_a_window_keeps_its_due_day_and_one_without_a_day_keeps_apart() -> None:
    bare = replace(origin("a", "kol", 0, 60), first_day=None, last_day=None, due_day=TODAY + 7)
    found = merged(bare, origin("b", "t2d", 0, 60))
    assert found.steps[0].day == TODAY + 7
    assert len(found.steps) == 1
    unknown = replace(bare, due_day=None)
    assert len(merged(unknown, origin("b", "t2d", 0, 60)).steps) == 2


def test_other_hands_keep_it_apart_and_say_so() -> None:
    by_town = origin("a", "kol", 0, 60, shared="rygestop", performer="prevention")
    by_nurse = origin("b", "t2d", 0, 60, shared="rygestop", performer="nurse")
    found = merged(by_town, by_nurse)
    assert len(found.steps) == 2
    [told] = found.contradictions
    assert (told.kind, [item.id for item in told.origins]) == (Disagreement.PERFORMER, ["a", "b"])
    assert merged(by_town, replace(by_nurse, performer="prevention")).contradictions == ()


def test_the_doctor_does_what_any_package_wants_the_doctor_for() -> None:
    one = origin("a", "kol", 0, 1, performer="nurse")
    assert performer_of([one, replace(one, performer="gp")]) == "gp"
    assert performer_of([one]) == "nurse"


def test_the_level_of_a_step_is_the_highest_of_its_courses() -> None:
    [step] = merged(origin("a", "kol", 0, 9, level=1), origin("b", "t2d", 0, 9, level=3)).steps
    assert step.level == 3
    assert merged(origin("a", "kol", 0, 9)).steps[0].level is None


def aim(identity: str, package: str, **more: object) -> Aim:
    return Aim(id=identity, package=package, package_title=text(package), text=text("HbA1c"), **more)  # type: ignore[arg-type]


def test_limits_that_differ_are_told_and_never_resolved() -> None:
    strict = aim("a", "t2d", measure=HBA1C, at_most=48_000, unit="mmol/mol")
    loose = aim("b", "hjerte", measure=HBA1C, at_most=58_000, unit="mmol/mol")
    above = aim("c", "kol", measure=HBA1C, at_least=50_000, unit="mmol/mol")
    assert [item.kind for item in merged(aims=(strict, loose)).contradictions] == [Disagreement.STRICTER]
    [told] = merged(aims=(strict, loose, above)).contradictions
    assert told.kind is Disagreement.APART
    assert {item.id for item in told.aims} == {"a", "b", "c"}
    assert merged(aims=(strict, replace(strict, id="d", package="hjerte"))).contradictions == ()
    assert merged(aims=(strict, replace(loose, measure=LDL))).contradictions == ()
    in_percent = replace(strict, id="e", unit="%")
    assert [item.kind for item in merged(aims=(strict, in_percent)).contradictions] == [Disagreement.UNITS]


def test_advice_on_one_subject_in_other_words_is_told() -> None:
    exercise = Code("mcs", "MCS88149")
    one, other = aim("a", "kol", code=exercise), replace(aim("b", "hjerte", code=exercise), text=text("roligt"))
    assert [item.kind for item in merged(aims=(one, other)).contradictions] == [Disagreement.ADVICE]
    assert merged(aims=(one, replace(one, id="b", package="hjerte"))).contradictions == ()
    assert merged(aims=(one, replace(other, package="kol"))).contradictions == ()


# -- generated --------------------------------------------------------------------------------------------------------


@st.composite
def worlds(draw: st.DrawFn, most: int = 14) -> list[Origin]:
    """Steps of a few courses, some agreed, done or resting, with windows of any length around today."""
    found = []
    for number in range(draw(st.integers(0, most))):
        first = draw(st.integers(-8, 25))
        last = first + draw(st.integers(0, 12))
        state = draw(st.sampled_from([State.OPEN] * 5 + [State.BOOKED, State.PAUSED, State.DONE]))
        day = TODAY + draw(st.integers(0, 25)) if state in (State.BOOKED, State.DONE) else None
        made = origin(
            f"s{number:02}",
            draw(st.sampled_from(("kol", "t2d", "hjerte"))),
            first,
            last,
            shared=draw(st.sampled_from(("aarsstatus", "kontrol", "blodproeve"))),
            performer=draw(st.sampled_from(("gp", "nurse", "prevention"))),
            tests=tuple(draw(st.sets(st.sampled_from((HBA1C, LDL))))),
            state=state,
            day=day,
            appointment=f"x{number}" if state is State.BOOKED else None,
        )
        found.append(replace(made, due_day=TODAY + draw(st.integers(first, last))))
    return found


@given(worlds(), st.integers())
@settings(max_examples=80, deadline=None)
def test_nothing_is_lost_nothing_leaves_its_window_and_order_does_not_matter(world: list[Origin], seed: int) -> None:
    found = merged(*world)
    assert sorted(item.id for step in found.steps for item in step.origins) == sorted(item.id for item in world)
    shuffled = list(world)
    Random(seed).shuffle(shuffled)
    assert merged(*shuffled) == found
    assert merged(*(item for step in found.steps for item in step.origins)) == found
    for step in found.steps:
        assert len({item.course for item in step.origins}) == len(step.origins)
        assert set(step.tests) == {test for item in step.origins for test in item.tests}
        for item in step.origins:
            if item.state is State.OPEN and not item.overdue(TODAY):
                assert item.window is not None
                assert step.day is not None
                assert item.window[0] <= step.day <= item.window[1]
            if item.state is State.BOOKED:
                assert step.day == item.day


@given(worlds())
@settings(max_examples=60, deadline=None)
def test_leaving_a_package_leaves_the_others_as_if_it_had_never_been(world: list[Origin]) -> None:
    rest = [item for item in world if item.package != "t2d"]
    alone = {package: merged(*(item for item in world if item.package == package)) for package in ("kol", "hjerte")}
    left = merged(*rest)
    assert merged(*(item for step in merged(*world).steps for item in step.origins if item.package != "t2d")) == left
    for package, found in alone.items():
        kept = [item for step in left.steps for item in step.origins if item.package == package]
        assert merged(*kept) == found
        assert all(len(step.origins) == 1 for step in found.steps)
    before, after = left.before, left.after
    assert after.visits <= before.visits
    assert after.tests <= before.tests
    assert after.examinations <= before.examinations


@given(worlds(most=7))
@settings(max_examples=80, deadline=None)
def test_no_plan_has_fewer_days(world: list[Origin]) -> None:
    """Against every way there is to put the steps together."""
    live = [item for item in world if item.state in (State.OPEN, State.BOOKED)]
    found = [step for step in merged(*world).steps if step.state in (State.OPEN, State.BOOKED)]
    families = {FAMILIES.of(item) for item in live}
    best = sum(_fewest([item for item in live if FAMILIES.of(item) == family]) for family in families)
    assert len(found) == best


def _fewest(items: list[Origin], made: tuple[tuple[Origin, ...], ...] = ()) -> int:
    if not items:
        return len(made)
    one, rest = items[0], items[1:]
    tries = [_fewest(rest, (*made, (one,)))]
    for at, group in enumerate(made):
        if _may(group, one):
            tries.append(_fewest(rest, (*made[:at], (*group, one), *made[at + 1 :])))
    return min(tries)


def _may(group: tuple[Origin, ...], one: Origin) -> bool:
    together = (*group, one)
    spans = [(item.day or 0, item.day or 0) if item.state is State.BOOKED else _days(item) for item in together]
    return (
        len({item.course for item in together}) == len(together)
        and sum(item.state is State.BOOKED for item in together) < 2
        and max(span[0] for span in spans) <= min(span[1] for span in spans)
    )


def _days(item: Origin) -> tuple[int, int]:
    assert item.window is not None
    return (max(item.window[0], TODAY), item.window[1]) if item.window[1] >= TODAY else (TODAY, TODAY)


def test_a_step_is_known_by_its_origins() -> None:
    found: list[Step] = list(merged(origin("b", "kol", 0, 9), origin("a", "t2d", 0, 9)).steps)
    assert found[0].id == "a"
    assert found[0].packages == ("t2d", "kol")
