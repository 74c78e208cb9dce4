"""The doors of those beside the clinic: `/partner/` for private actors and prevention, `/journal/` for hospitals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from tovholder.access.domain import Context, Role
from tovholder.web.views.common import for_roles


@dataclass(frozen=True, slots=True)
class Area:
    """One door. ``everyone``: its list holds all the place may see, few enough for that; else those who wait alone."""

    name: str
    roles: tuple[Role, ...]
    everyone: bool
    reads_record: bool  # diagnoses and all measurements, not its own alone

    @property
    def home(self) -> str:
        """The list."""
        return reverse(f"web:{self.name}")

    @property
    def opens(self) -> str:
        """Where a patient without a referral is opened."""
        return reverse(f"web:{self.name}-open")

    @property
    def takes_files(self) -> str:
        """Where a file of visits is read in; empty where none is."""
        return reverse("web:partner-import") if self.name == "partner" else ""

    def patient(self, patient_id: str) -> str:
        """A patient's page."""
        return reverse(f"web:{self.name}-patient", args=[patient_id])

    def onward(self, patient_id: str, referral_id: str, kind: str = "") -> str:
        """What a patient may be referred on to, or the form of one kind."""
        about = [patient_id, referral_id]
        return (
            reverse(f"web:{self.name}-refer", args=[*about, kind])
            if kind
            else reverse(f"web:{self.name}-onward", args=about)
        )


PARTNER = Area("partner", (Role.PARTNER, Role.PREVENTION), everyone=True, reads_record=False)
JOURNAL = Area("journal", (Role.HOSPITAL,), everyone=False, reads_record=True)
AREAS = (PARTNER, JOURNAL)
OF_ROLE: Mapping[Role, Area] = {role: area for area in AREAS for role in area.roles}


def at_each_door(
    *methods: str, resumes: bool = False
) -> Callable[[Callable[..., HttpResponse]], Mapping[str, Callable[..., HttpResponse]]]:
    """A view for each area, by its name, guarded for the area's roles; it is called with the area as ``area``."""

    def wrap(view: Callable[..., HttpResponse]) -> Mapping[str, Callable[..., HttpResponse]]:
        return {area.name: _guarded(view, area, methods, resumes=resumes) for area in AREAS}

    return wrap


def _guarded(
    view: Callable[..., HttpResponse], area: Area, methods: tuple[str, ...], *, resumes: bool
) -> Callable[..., HttpResponse]:
    def there(request: HttpRequest, ctx: Context, /, **about: Any) -> HttpResponse:
        return view(request, ctx, area=area, **about)

    there.__name__, there.__doc__, there.__module__ = view.__name__, view.__doc__, view.__module__
    made: Callable[..., HttpResponse] = require_http_methods(list(methods))(
        for_roles(*area.roles, resumes=resumes)(there)
    )
    return made
