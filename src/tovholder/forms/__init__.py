"""Questionnaires of a package: shown, checked, turned into responses, scored."""

from tovholder.forms.answers import answers_of, check, items_of, parse, validate_response
from tovholder.forms.domain import Choice, Field, Rendered, render
from tovholder.forms.extract import extract
from tovholder.forms.score import Scored, score

__all__ = [
    "Choice",
    "Field",
    "Rendered",
    "Scored",
    "answers_of",
    "check",
    "extract",
    "items_of",
    "parse",
    "render",
    "score",
    "validate_response",
]
