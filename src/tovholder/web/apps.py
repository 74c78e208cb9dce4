"""The web app."""

from __future__ import annotations

from django.apps import AppConfig


class WebConfig(AppConfig):
    """Owns pages, templates, styles and translations; no tables."""

    name = "tovholder.web"
    label = "web"
