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
    """What asks for a new assessment of a decided level, the patient's own wish first; nothing before one is decided.

    ``flags``: (rule, severity, since) of the open ones. Only what came after the decision counts: what was there then
    was there to be looked at.
    """
    if decision is None:
        return ()
    found: list[Review] = []
    if decision.review_wish_day is not None and decision.review_wish_day <= today:
        found.append(Review(Prompt.WISH, decision.review_wish_day))
    left = [
        item.end_day
        for item in contacts
        if item.kind in ADMISSIONS and not item.ongoing and item.end_day is not None
        and decision.decided_day < item.end_day <= today
    ]  # fmt: skip
    if left:
        found.append(Review(Prompt.ADMISSION, max(left)))
    raised = [
        (since, rule) for rule, severity, since in flags
        if severity == "high" and since is not None and decision.decided_day < since <= today
    ]  # fmt: skip
    if raised:
        since, rule = min(raised)
        found.append(Review(Prompt.FLAG, since, rule))
    wished = decision.review_wish_day is not None and decision.review_day == decision.review_wish_day
    if decision.review_day is not None and decision.review_day <= today and not wished:
        found.append(Review(Prompt.YEARLY, decision.review_day))
    return tuple(found)
