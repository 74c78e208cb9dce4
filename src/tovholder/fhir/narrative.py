"""Tells whether a Narrative's XHTML is well formed and harmless (R4 narrative.html, invariants txt-1 and txt-2)."""

from __future__ import annotations

import re
from xml.parsers import expat

# The elements and attributes R4 lists in the formal text of txt-1.
_ELEMENT_NAMES = """
    a abbr acronym b big blockquote br caption cite code col colgroup dd dfn div dl dt em h1 h2 h3 h4 h5 h6 hr i img li ol
    p pre q samp small span strong sub sup table tbody td tfoot th thead tr tt ul var
"""
_ATTRIBUTE_NAMES = """
    abbr accesskey align alt axis bgcolor border cellhalign cellpadding cellspacing cellvalign char charoff charset cite
    class colspan compact coords dir frame headers height href hreflang hspace id lang longdesc name nowrap rel rev rowspan
    rules scope shape span src start style summary tabindex title type valign value vspace width xml:lang xml:space
"""
_ELEMENTS = frozenset(_ELEMENT_NAMES.split())
_ATTRIBUTES = frozenset(_ATTRIBUTE_NAMES.split())
_XHTML = "http://www.w3.org/1999/xhtml"
_OPENING = re.compile(r"\s*<(?:\w+:)?div[\s>/]")
_LINKS = ("href", "src", "cite", "longdesc")
# Schemes that run code in the reader's browser; what a browser skips in a scheme is skipped here too.
_ACTIVE = re.compile(r"(?:javascript|vbscript|data:(?!image/(?:png|jpe?g|gif|webp|bmp)[;,]))", re.IGNORECASE)
_SKIPPED = re.compile(r"[\x00-\x20]+")
_ACTIVE_STYLE = re.compile(r"expression\s*\(|javascript:|vbscript:|@import", re.IGNORECASE)
_DEEPEST = 200


def problem(text: str) -> str | None:
    """What is wrong with the XHTML of a Narrative, in words that repeat none of it; None when it is sound.

    Entities beyond XML's own five, document types and processing instructions are refused, so nothing expands.
    """
    if not _OPENING.match(text):
        return "the narrative is no div element of XHTML"
    reader = _Reader()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.characters
    parser.StartDoctypeDeclHandler = reader.refuse
    parser.ProcessingInstructionHandler = reader.refuse
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError:
        return "the narrative is not well-formed XML"
    except _Refused as refused:
        return str(refused)
    except ValueError:
        return "the narrative is not text"
    return None if reader.content else "the narrative has no content (txt-2)"


class _Refused(Exception):
    """Something a narrative may not hold."""


class _Reader:
    def __init__(self) -> None:
        self.content = False
        self.depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Refused("the narrative is nested too deeply")
        space, _, local = name.rpartition(" ")
        if space != _XHTML:
            raise _Refused("the narrative has an element outside the XHTML namespace (txt-1)")
        if local not in _ELEMENTS:
            raise _Refused("the narrative has an element that is not basic formatting (txt-1)")
        for key, value in attributes.items():
            plain = key.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
            if plain not in _ATTRIBUTES:
                raise _Refused("the narrative has an attribute that is not basic formatting (txt-1)")
            if plain in _LINKS and _ACTIVE.match(_SKIPPED.sub("", value)):
                raise _Refused("the narrative has a link that runs code")
            if plain == "style" and _ACTIVE_STYLE.search(value):
                raise _Refused("the narrative has a style that loads or runs something")
        if local == "img" and "src" in attributes:
            self.content = True

    def end(self, name: str) -> None:
        self.depth -= 1

    def characters(self, text: str) -> None:
        if not self.content and text.strip(" \t\r\n"):
            self.content = True

    def refuse(self, *given: object) -> None:
        raise _Refused("the narrative has a document type or a processing instruction")
