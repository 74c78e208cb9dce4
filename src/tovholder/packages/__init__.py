"""The package format: folders of data that say who is included, what the plan holds, and which rules are asked."""

from __future__ import annotations

from tovholder.packages.installed import builtin, followed, get, install, named, version, versions
from tovholder.packages.loader import load
from tovholder.packages.model import Package

__all__ = ["Package", "builtin", "followed", "get", "install", "load", "named", "version", "versions"]
