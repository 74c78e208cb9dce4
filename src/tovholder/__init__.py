"""Tovholder: one plan per patient, one clinic that holds the rope, one definition of every rule."""

__version__ = "0.1.0"
