"""What may follow what for appointments and referrals, and who may say so: docs/reference/transitions.md from the code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tovholder.access import policy
from tovholder.appointments import domain as appointments
from tovholder.referral import domain as referrals


def page(held: policy.Policy, note: str) -> str:
    """The page's text."""
    lines = [
        "# Appointments and referrals: what may follow what", "", note, "",
        "A status moves forward only. Time passing changes nothing: a passed appointment nobody told of stays booked, and is",
        "asked about. A system of others is kept as it tells it, in the same order of statuses.", "",
        "## Appointments", "",
    ]  # fmt: skip
    lines += _table({str(old): _named(new) for old, new in appointments.TRANSITIONS.items()})
    lines += [
        "",
        "A correction, which says what was wrong, may put any other status in the place of one that is not entered in error;",
        "what stood before stays in the history. `fulfilled` and `noshow` are told on the day or later. `cancelled` has a",
        f"reason ({', '.join(f'`{one}`' for one in appointments.CancelReason)}; `other` with words) and says who",
        f"cancelled ({', '.join(f'`{one}`' for one in appointments.CancelledBy)}).", "",
        "### Who may keep them", "",
    ]  # fmt: skip
    lines += _who(held, "Appointment")
    lines += [
        "",
        "Beside the clinic one changes what names oneself or one's own organisation alone (`store/custody.py`).", "",
        "## Referrals", "",
    ]  # fmt: skip
    lines += _table({str(old): _named(new) for old, new in referrals.TRANSITIONS.items()})
    lines += [
        "",
        f"`rejected`, `cancelled` and `failed` have a reason: {', '.join(f'`{one}`' for one in referrals.StopReason)}.",
        "The receiver answers; the clinic that sent it may write down what it heard, and alone chooses the receiver, takes",
        "back what nobody has begun (`withdrawn`) and says what it has seen.", "",
        "### Who may write them", "",
    ]  # fmt: skip
    return "\n".join([*lines, *_who(held, "Task"), ""])


def _named(found: Iterable[object]) -> str:
    return ", ".join(f"`{one}`" for one in sorted(map(str, found))) or "nothing"


def _table(rows: Mapping[str, str]) -> list[str]:
    return ["| From | To |", "| --- | --- |", *(f"| `{old}` | {new} |" for old, new in rows.items())]


def _who(held: policy.Policy, kind: str) -> list[str]:
    """The roles that write the type, as the access policy has them."""
    lines = ["| Role | May | Where |", "| --- | --- | --- |"]
    for row in held.rows:
        acts = row.actions & {"create", "update"}
        if acts and row.types & {kind, "*"}:
            where = ", ".join(sorted(str(one) for one in row.conditions))
            lines.append(f"| {row.role} | {', '.join(sorted(acts))} | {where} |")
    return lines
