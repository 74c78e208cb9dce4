"""Which form the client wants its answer in: media type, pretty, Prefer (R4 §3.1.0.1.9 to §3.1.0.1.12, §3.1.0.5)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qsl

from django.http import HttpRequest

from tovholder.base.errors import Category, Issue, Problem

FHIR_JSON = "application/fhir+json"
PATCH_JSON = "application/json-patch+json"
FORM = "application/x-www-form-urlencoded"
JSON_TYPES = (FHIR_JSON, "application/json", "text/json")
_WILD = ("*/*", "application/*", "text/html")  # a browser asks for HTML; it can show JSON as well
_FORMATS = {"json": FHIR_JSON, **{name: name for name in JSON_TYPES}}
_VERSIONS = ("4.0", "4.0.1")


@dataclass(frozen=True, slots=True)
class Prefer:
    """What the Prefer header asks for; a preference we do not know is ignored (RFC 7240 §2).

    give: representation, minimal or OperationOutcome. strict: an unknown search parameter is refused, not ignored.
    """

    give: str = "representation"
    told: bool = False
    strict: bool = True


def answer_type(request: HttpRequest) -> str:
    """The media type to answer in. Raises Problem (406) when the client takes no JSON."""
    query = request.META.get("QUERY_STRING", "")
    if "_format" in query:
        wished = dict(parse_qsl(query, keep_blank_values=True)).get("_format")
        if wished is not None:
            # "application/fhir+json" written plainly in a query arrives with a space for the plus.
            return _by_format(wished.strip().lower().replace("fhir json", "fhir+json"))
    return _by_accept(request.META.get("HTTP_ACCEPT", "*/*"))


def prefer(request: HttpRequest) -> Prefer:
    """The Prefer header as values."""
    return _prefer(request.META.get("HTTP_PREFER", ""))


def is_pretty(request: HttpRequest) -> bool:
    """Whether ``_pretty=true`` was asked (R4 §3.1.0.1.12)."""
    query = request.META.get("QUERY_STRING", "")
    return "_pretty" in query and dict(parse_qsl(query, keep_blank_values=True)).get("_pretty") in ("true", "")


def sent_type(request: HttpRequest) -> str:
    """The media type of the body without parameters, checked for those we know. Raises Problem (415)."""
    if request.META.get("HTTP_CONTENT_ENCODING", "identity").strip().lower() not in ("", "identity"):
        raise _unsupported("Content-Encoding", "an encoded body", "the content as it is")
    return _sent_type(request.META.get("CONTENT_TYPE", ""))


@lru_cache(256)
def _sent_type(header: str) -> str:
    kind, parameters = _split(header)
    if parameters.get("charset", "utf-8") not in ("utf-8", "utf8"):
        raise _unsupported("Content-Type", "another character set", "charset=utf-8")
    if kind in JSON_TYPES and parameters.get("fhirversion", _VERSIONS[0]) not in _VERSIONS:
        raise _unsupported("Content-Type", "another version of FHIR", "fhirVersion=4.0")
    return kind


def _unsupported(path: str, message: str, expected: str) -> Problem:
    return Problem(
        Category.UNSUPPORTED, "The content is not in a form we read", [Issue(path, message, expected, "not-supported")]
    )


@lru_cache(64)
def _by_format(wished: str) -> str:
    kind, parameters = _split(wished)
    if kind not in _FORMATS or parameters.get("fhirversion", _VERSIONS[0]) not in _VERSIONS:
        raise _not_acceptable("_format=json")
    return _content_type(_FORMATS[kind], parameters)


@lru_cache(512)
def _by_accept(header: str) -> str:
    best, weight = "", 0.0
    for part in header.split(","):
        kind, parameters = _split(part)
        offered = kind if kind in JSON_TYPES else FHIR_JSON if kind in (*_WILD, "json", "") else ""
        if not offered or parameters.get("fhirversion", _VERSIONS[0]) not in _VERSIONS:
            continue
        if parameters.get("charset", "utf-8") not in ("utf-8", "utf8", "*"):
            continue
        quality = _quality(parameters.get("q", "1"))
        if quality > weight:
            best, weight = _content_type(offered, parameters), quality
    if not best:
        raise _not_acceptable(FHIR_JSON)
    return best


def wants_fhir(request: HttpRequest) -> bool:
    """Whether a FHIR format was asked for by name: a Binary is then given as a resource (R4 §2.31)."""
    query = request.META.get("QUERY_STRING", "")
    if "_format" in query and "_format" in dict(parse_qsl(query, keep_blank_values=True)):
        return True
    kinds = [_split(part)[0] for part in request.META.get("HTTP_ACCEPT", "").split(",")]
    return any(kind in JSON_TYPES for kind in kinds)


def _content_type(kind: str, parameters: dict[str, str]) -> str:
    version = f"; fhirVersion={parameters['fhirversion']}" if "fhirversion" in parameters else ""
    return f"{kind}; charset=utf-8{version}"


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0


def _split(header: str) -> tuple[str, dict[str, str]]:
    kind, *rest = header.split(";")
    pairs = (part.partition("=") for part in rest)
    return kind.strip().lower(), {
        name.strip().lower(): value.strip().strip('"').lower() for name, _, value in pairs if name.strip()
    }


def _not_acceptable(expected: str) -> Problem:
    return Problem(
        Category.UNSUPPORTED,
        "Only JSON of FHIR R4 is spoken here",
        [Issue("Accept", "unsupported format", expected, "not-supported")],
        kept="nothing was read or changed",
    )


@lru_cache(256)
def _prefer(header: str) -> Prefer:
    give, strict = "", True
    for part in header.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        value = value.strip().strip('"')
        if name.strip().lower() == "return" and value in ("representation", "minimal", "OperationOutcome"):
            give = give or value  # the first of several counts (RFC 7240 §2)
        elif name.strip().lower() == "handling" and value in ("strict", "lenient"):
            strict = value == "strict"
    return Prefer(give or "representation", bool(give), strict)
