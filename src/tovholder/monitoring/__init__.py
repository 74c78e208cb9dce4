"""Indicators, periods, strata, suppression: are rights kept, where not, how sure are we."""
