"""Runs packages: their checks and examples, without a database of the installation."""
