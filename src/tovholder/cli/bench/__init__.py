"""``tovholder bench``: what things cost on this machine, as medians, beside a floor measured in the same run."""

from __future__ import annotations

from tovholder.cli.bench import api, cockpit, ingest, referral
from tovholder.cli.bench.common import app as app

__all__ = ["api", "app", "cockpit", "ingest", "referral"]
