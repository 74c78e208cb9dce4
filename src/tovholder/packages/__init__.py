"""The package format: folders of data that say who is included, what the plan holds, and which rules are asked."""

from __future__ import annotations

from tovholder.packages.loader import builtin, get, install, load
from tovholder.packages.model import Package

__all__ = ["Package", "builtin", "get", "install", "load"]
