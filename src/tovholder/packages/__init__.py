"""The package format: folders of data that say who is included, what the plan holds, and which rules are asked."""

from __future__ import annotations

from tovholder.packages.aside import SetAside
from tovholder.packages.installed import (
    builtin,
    followed,
    get,
    install,
    is_set_aside,
    named,
    set_aside,
    version,
    versions,
)
from tovholder.packages.loader import load
from tovholder.packages.model import Package

__all__ = [
    "Package",
    "SetAside",
    "builtin",
    "followed",
    "get",
    "install",
    "is_set_aside",
    "load",
    "named",
    "set_aside",
    "version",
    "versions",
]
