"""When a decided level should be looked at again: yearly, after an admission, for a flag, or as the patient wishes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from tovholder.plan.happenings import ADMISSIONS
from tovholder.plan.record import Contact
from tovholder.plan.values import Decision


class Prompt(StrEnum):
    """Why (domain.md §1.4, the default)."""

    WISH = "wish"  # the patient asked for it
    ADMISSION = "admission"
    FLAG = "flag"
    YEARLY = "yearly"


@dataclass(frozen=True, slots=True)
class Review:
    """One reason to assess anew, since a day; ``about``: a rule's id."""

    prompt: Prompt
    day: int
    about: str = ""


def reviews(
    decision: Decision | None, contacts: Iterable[Contact], flags: Iterable[tuple[str, str, int | None]], today: int
) -> tuple[Review, ...]:
    """What asks for a new assessment of a decided level, the patient's own wish first; nothing before one is decided."""
    if decision is None:
        return ()
    left = (item.end_day for item in contacts if item.kind in ADMISSIONS and not item.ongoing)
    return asked(
        decided_day=decision.decided_day,
        review_day=decision.review_day,
        wish_day=decision.review_wish_day,
        left=(day for day in left if day is not None),
        flags=flags,
        today=today,
    )


def asked(
    *,
    decided_day: int,
    review_day: int | None,
    wish_day: int | None,
    left: Iterable[int],
    flags: Iterable[tuple[str, str, int | None]],
    today: int,
) -> tuple[Review, ...]:
    """The same from days alone: of the decision, of the wish, and on which the patient ``left`` a hospital.

    ``flags``: (rule, severity, since) of the open ones. Only what came after the decision counts: what was there then
    was there to be looked at.
    """
    found: list[Review] = []
    if wish_day is not None and wish_day <= today:
        found.append(Review(Prompt.WISH, wish_day))
    since_then = [day for day in left if decided_day < day <= today]
    if since_then:
        found.append(Review(Prompt.ADMISSION, max(since_then)))
    raised = [
        (since, rule)
        for rule, severity, since in flags
        if severity == "high" and since is not None and decided_day < since <= today
    ]
    if raised:
        since, rule = min(raised)
        found.append(Review(Prompt.FLAG, since, rule))
    if review_day is not None and review_day <= today and review_day != wish_day:
        found.append(Review(Prompt.YEARLY, review_day))
    return tuple(found)
