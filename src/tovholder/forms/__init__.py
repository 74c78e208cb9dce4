"""Questionnaires of a package: shown, checked, turned into responses, scored."""

from tovholder.forms.answers import answers_of, check, items_of, normalise, parse, validate_response
from tovholder.forms.domain import Choice, Field, Rendered, form_text, render
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
    "form_text",
    "items_of",
    "normalise",
    "parse",
    "render",
    "score",
    "validate_response",
]
