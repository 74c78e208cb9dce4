"""How often something may be tried: login, tokens, opening; counted in the database, so all processes share it."""

from __future__ import annotations

import re
from datetime import datetime
from ipaddress import IPv6Address, IPv6Network, ip_address

from django.conf import settings
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from tovholder import database
from tovholder.base import days
from tovholder.base.errors import Category, Issue, Problem

SPAN = 300  # seconds
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]+)?|([0-9.]+):[0-9]+")


def attempt(what: str, now: datetime, *, account: str = "", address: str = "") -> None:
    """Count a try at ``what`` (``login``, ``token``, ``open``); raises Problem(TOO_MANY) when there were too many.

    account: who is tried, such as a client's id; address: where it comes from (``address_of``). Both are kept as keyed
    hashes alone. Counted in its own transaction, before what is tried: what fails afterwards has been counted. What is
    refused is not counted further and writes nothing, so a flood of tries costs a read each.
    """
    most = settings.ENV.attempts  # TOVHOLDER_ATTEMPTS
    told = ((f"{what}:account:{account}", most.account), (f"{what}:address:{address}", most.address))
    limits = {_key(name): limit for name, limit in told if not name.endswith(":")}
    limits[_key(f"{what}:everybody")] = most.everybody
    span = days.millis(now) // (SPAN * 1000)
    term, values = database.in_list("tried_by", limits)
    found = database.rows(f"SELECT tried_by, tries FROM access_attempt WHERE span = %s AND {term}", [span, *values])
    if any(tries >= limits[name] for name, tries in found):
        raise _too_many(now)
    counts = _count(limits, span, known={name for name, _ in found})
    if any(tries > limits[name] for name, tries in counts.items()):
        raise _too_many(now)


def _count(limits: dict[str, int], span: int, known: set[str]) -> dict[str, int]:
    names = sorted(limits)  # two who count the same cannot wait for each other
    term, values = database.in_list("tried_by", names)
    with database.write_turn():
        if len(known) < len(names):  # the first tries of the span; those of spans gone by are forgotten
            database.execute("DELETE FROM access_attempt WHERE span < %s", [span - 1])
            rows = [(name, span, 0) for name in names]
            database.insert("access_attempt", ("tried_by", "span", "tries"), rows, ignore=True)
        database.execute(f"UPDATE access_attempt SET tries = tries + 1 WHERE span = %s AND {term}", [span, *values])
        found = database.rows(f"SELECT tried_by, tries FROM access_attempt WHERE span = %s AND {term}", [span, *values])
    return {name: int(tries) for name, tries in found}


def address_of(request: HttpRequest) -> str:
    """Where a request comes from: as told by the last of the proxies that are ours (TOVHOLDER_PROXIES).

    Of IPv6 the network (/64) alone: whoever has one has all of its addresses, and would be somebody new at each try.
    """
    proxies: int = settings.ENV.proxies
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(told) >= proxies:
        return _place(told[-proxies])
    return _place(str(request.META.get("REMOTE_ADDR", "")))


def _place(told: str) -> str:
    found = _WITH_PORT.fullmatch(told)  # as some proxies write it; each connection has another
    try:
        address = ip_address(found[1] or found[2] if found else told)
    except ValueError:
        return told
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address) >> 64 << 64, 64)))


def _key(name: str) -> str:
    return salted_hmac("tovholder.access.attempt", name, algorithm="sha256").hexdigest()


def _too_many(now: datetime) -> Problem:
    wait = SPAN - int(now.timestamp()) % SPAN
    issue = Issue("", "there were too many tries", f"a try in {wait} seconds", "throttled")
    return Problem(Category.TOO_MANY, "Too many tries; wait a few minutes", [issue], kept="nothing was changed")
