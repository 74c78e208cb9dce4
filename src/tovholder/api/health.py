"""/healthz: whether this process can serve; says nothing about patients."""

from __future__ import annotations

from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse

from tovholder import __version__


def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the record answers, 503 when it does not."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT COUNT(*) FROM store_schema WHERE stale")
            stale = cursor.fetchone()[0]
    except DatabaseError:
        return JsonResponse({"status": "unavailable", "record": "unreachable"}, status=503)
    return JsonResponse({"status": "ok", "version": __version__, "tables_waiting_for_rebuild": stale})
