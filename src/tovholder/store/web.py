"""Writes the audit trail of an answer before the answer leaves."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse

from tovholder.access import audit
from tovholder.store.trail import write_audit


class AnswerAuditMiddleware:
    """Gathers the reads behind one answer; no answer leaves when they cannot be written."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with audit.answer() as entries:
            response = self.get_response(request)
            if isinstance(response, SimpleTemplateResponse) and not response.is_rendered:
                response.render()
        write_audit(audit.merge(entries))
        return response
