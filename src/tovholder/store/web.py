"""Writes the audit trail of an answer before the answer leaves."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.template.response import SimpleTemplateResponse

from tovholder.access import audit
from tovholder.store.trail import write_audit

# In the WSGI environ: a list. Who puts it there writes what is put into it, and lets the answer leave only after that.
HELD = "tovholder.audit"
# In the WSGI environ: what kept the rows of an answer from being written. The request is answered with that alone.
FAILED = "tovholder.failed"


def settle(request: HttpRequest, entries: Sequence[audit.Entry], response: HttpResponseBase) -> None:
    """See to the rows of the reads behind an answer: written now, or by the server that holds the whole answer back."""
    merged = audit.merge(entries) if len(entries) > 1 else entries
    held: list[audit.Entry] | None = request.META.get(HELD)
    if held is None or response.streaming:
        write_audit(merged)
    else:
        held += [entry for entry in merged if audit.is_logged(entry)]


class AnswerAuditMiddleware:
    """Gathers the reads behind one answer; no answer leaves when they cannot be written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit.answer() as entries:
            response = self.get_response(request)
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                response.render()
        settle(request, entries, response)
        return response
