"""The words of recall: ways, rounds, who is called apart and why, and how an invitation stands. No Django."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

WITHIN = 30  # days ahead a window may open for its step to be invited to now
MOST = 500  # people in one round: what a person can look through before pressing
LONG = 25  # people from which on a round is laid ready by a job, not while somebody waits for the page
ROUNDS = 3
# Days an invitation is left alone before the next round is proposed, by the round that was sent.
WAIT: Mapping[int, int] = {1: 21, 2: 14, 3: 60}
NOSHOW_DAYS = 365


class Way(StrEnum):
    """How an invitation reaches the patient (CodeSystem/channel)."""

    DIGITAL_POST = "digital-post"
    SMS = "sms"
    LETTER = "letter"
    TELEPHONE = "telephone"


class Reason(StrEnum):
    """Why somebody is called apart from the rest."""

    LEVEL = "level-3"
    PSYCHOSOCIAL = "psychosocial"
    EXEMPT = "no-digital-post"
    NO_PHONE = "no-phone"
    NOSHOW = "no-show"


class Left(StrEnum):
    """Why somebody with an open step is not proposed."""

    DEAD = "dead"
    INACTIVE = "inactive"
    EXEMPT = "exempt"
    PAUSED = "paused"
    DECLINED = "declined"
    LEFT = "left"
    BOOKED = "booked"
    PUT_OFF = "put-off"
    IN_HAND = "in-hand"
    WAITS = "waits"
    SAID_NO = "said-no"
    ASKED = "asked-enough"


class Standing(StrEnum):
    """How one invitation stands."""

    LAID = "laid"  # written, nothing left
    SENDING = "sending"  # handed to the job, or waits for a person: a letter to post, a call to make
    SENT = "sent"
    READ = "read"
    FAILED = "failed"
    TAKEN_BACK = "taken-back"  # before anything left
    WITHDRAWN = "withdrawn"  # sent, and corrected with a word to the patient
    BOOKED = "booked"
    REACHED = "reached"
    NO_ANSWER = "no-answer"
    DECLINED = "declined"


OUTCOMES = frozenset({Standing.BOOKED, Standing.REACHED, Standing.NO_ANSWER, Standing.DECLINED})
UNSENT = frozenset({Standing.LAID, Standing.SENDING, Standing.FAILED})
LIVE = frozenset(Standing) - {Standing.TAKEN_BACK, Standing.WITHDRAWN}


@dataclass(frozen=True, slots=True)
class Reach:
    """What is known of the ways to a person. exempt: from Digital Post; None where nobody told."""

    phone: str = ""
    mobile: str = ""
    address: tuple[str, ...] = ()
    exempt: bool | None = None


def apart(*, level: int | None, psychosocial: bool, noshows: int, reach: Reach) -> tuple[Reason, ...]:
    """Why a person is called apart, in the order told; nobody is, for what is merely not known.

    Somebody at level 3, with a 3 for the psychological or social part of the newest needs assessment, exempt from
    Digital Post, without a telephone number, or who did not come within the last year: a message alone is likely to be
    lost on them, so a person looks at each before anything is sent.
    """
    found = []
    if level == 3:
        found.append(Reason.LEVEL)
    if psychosocial:
        found.append(Reason.PSYCHOSOCIAL)
    if reach.exempt:
        found.append(Reason.EXEMPT)
    if not reach.phone and not reach.mobile:
        found.append(Reason.NO_PHONE)
    if noshows:
        found.append(Reason.NOSHOW)
    return tuple(found)


def ways(reach: Reach) -> tuple[Way, ...]:
    """The ways open to a person, the likeliest first. Digital Post is open to whoever is not known to be exempt."""
    found = []
    if not reach.exempt:
        found.append(Way.DIGITAL_POST)
    if reach.mobile:
        found.append(Way.SMS)
    if reach.address:
        found.append(Way.LETTER)
    if reach.phone or reach.mobile:
        found.append(Way.TELEPHONE)
    return tuple(found)


class Why(StrEnum):
    """Why a way is the one proposed."""

    ROUND = "round"  # written to twice without an answer
    APART = "apart"
    EXEMPT = "exempt"
    USUAL = "usual"
    ONLY = "only"


def proposed(reach: Reach, reasons: Iterable[Reason], number: int) -> tuple[Way | None, Why]:
    """The way a person is best reached in a round, and why; None when no way is known."""
    open_ways = ways(reach)
    held = frozenset(reasons)
    if not open_ways:
        return None, Why.ONLY
    if number >= ROUNDS and Way.TELEPHONE in open_ways:
        return Way.TELEPHONE, Why.ROUND
    if held - {Reason.NO_PHONE, Reason.EXEMPT} and Way.TELEPHONE in open_ways:
        return Way.TELEPHONE, Why.APART
    if reach.exempt and Way.LETTER in open_ways:
        return Way.LETTER, Why.EXEMPT
    return open_ways[0], Why.USUAL if open_ways[0] is Way.DIGITAL_POST else Why.ONLY


@dataclass(frozen=True, slots=True)
class Earlier:
    """One invitation as facts tell it. day: it was sent (or laid ready); activities: the steps it was about."""

    id: str
    round_id: str
    number: int
    standing: Standing
    day: int
    activities: frozenset[str]


def next_round(earlier: Iterable[Earlier], steps: Iterable[str], today: int) -> tuple[int, Left | None, Earlier | None]:
    """The number of the round a person is due for; or why not, and the invitation that says so.

    What was taken back or withdrawn counts for nothing. An invitation counts as long as one of its steps still is open.
    """
    wanted = frozenset(steps)
    held = sorted(
        (one for one in earlier if one.standing in LIVE and one.activities & wanted),
        key=lambda one: (one.number, one.day, one.id),
    )
    if not held:
        return 1, None, None
    last = held[-1]
    if any(one.standing in UNSENT for one in held):
        return last.number, Left.IN_HAND, next(one for one in held if one.standing in UNSENT)
    if last.standing is Standing.DECLINED:
        return last.number, Left.SAID_NO, last
    if today < last.day + WAIT[min(last.number, ROUNDS)]:
        return last.number, Left.WAITS, last
    if last.number >= ROUNDS:
        return last.number, Left.ASKED, last
    return last.number + 1, None, last
