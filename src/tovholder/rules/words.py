"""The first pass: every word and sign of the query text must be one the subset knows, before anything is parsed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise

import sqlglot
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

from tovholder.rules.refusals import Complaints, refusals

FUNCTIONS = ("COUNT", "SUM", "MIN", "MAX", "AVG", "COALESCE", "ROW_NUMBER", "RANK", "LAG", "LEAD")
_KEYWORDS = """
    SELECT FROM WHERE GROUP_BY HAVING ORDER_BY JOIN LEFT OUTER INNER CROSS ON UNION ALL DISTINCT WITH ALIAS CASE
    WHEN THEN ELSE END AND OR NOT NULL IS IN EXISTS BETWEEN FILTER OVER PARTITION_BY ASC DESC FIRST VAR NUMBER
    STRING COMMA DOT L_PAREN R_PAREN EQ NEQ LT LTE GT GTE PLUS DASH STAR COLON
"""
_ALLOWED = frozenset(TokenType[name] for name in _KEYWORDS.split())
_SPELLING = {TokenType.EQ: "=", TokenType.NOT: "NOT"}
_WORD = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*$")
MAX_DIGITS = 12


@cache
def _refused_tokens() -> Mapping[TokenType, str]:
    return {TokenType[name]: code for code, entry in refusals().items() for name in entry.tokens}


@cache
def _refused_functions() -> Mapping[str, str]:
    return {name: code for code, entry in refusals().items() for name in entry.functions}


def check_words(
    sql: str, names: frozenset[str], parameters: Iterable[str], complaints: Complaints
) -> Sequence[Token] | None:
    """Refuse words, signs, functions and parameters the subset does not have. None when the text has no tokens."""
    try:
        tokens = sqlglot.tokenize(sql)
    except TokenError:
        complaints.at_word(1, "unreadable", found="a text or comment that is not closed")
        return None
    if not tokens:
        complaints.at_word(1, "unreadable", found="there is nothing here")
        return None
    if tokens[0].token_type not in (TokenType.SELECT, TokenType.WITH):
        complaints.at_word(tokens[0].line, "statement", found=tokens[0].text.upper())
        return None
    declared = frozenset(parameters)
    own = names | {after.text.lower() for before, after in pairwise(tokens) if before.token_type == TokenType.ALIAS}
    for index, token in enumerate(tokens):
        before = tokens[index - 1] if index else None
        after = tokens[index + 1] if index + 1 < len(tokens) else None
        _check_word(token, before, after, own, declared, complaints)
        if (
            before is not None
            and before.token_type == TokenType.COLON
            and _asks_for_null(tokens[index + 1 : index + 4])
        ):
            complaints.at_word(token.line, "parameter-null", found=token.text)
        if token.token_type == TokenType.SEMICOLON:
            break  # what follows is another statement, refused as a whole
    return tokens


def _asks_for_null(rest: Sequence[Token]) -> bool:
    words = [token.text.upper() for token in rest]
    return words[:2] == ["IS", "NULL"] or words == ["IS", "NOT", "NULL"]


def _check_word(
    token: Token,
    before: Token | None,
    after: Token | None,
    own: frozenset[str],
    declared: frozenset[str],
    say: Complaints,
) -> None:
    kind, text, line = token.token_type, token.text, token.line
    calls = after is not None and after.token_type == TokenType.L_PAREN
    if before is not None and before.token_type == TokenType.COLON:
        if not _WORD.match(text) or token.start != before.end + 1:
            say.at_word(line, "placeholder", found=f":{' ' * (token.start - before.end - 1)}{text}")
        elif text not in declared:
            valid = ", ".join(f":{name}" for name in sorted(declared))
            say.at_word(line, "parameter-unknown", found=text, valid=valid)
    elif kind == TokenType.HINT:
        say.at_word(line, "not-in-subset", found="a hint for one engine")
    elif calls and text.upper() in _refused_functions():
        say.at_word(line, _refused_functions()[text.upper()], found=text.upper())
    elif kind in _ALLOWED:
        _check_allowed(token, before, calls, say)
    elif text.lower() in own or (before is not None and before.token_type == TokenType.DOT):
        return  # a keyword of some engine used as a name; names are resolved and quoted later
    else:
        found = text if kind == TokenType.IDENTIFIER else text.upper()
        say.at_word(line, _refused_tokens().get(kind, "not-in-subset"), found=found)


def _check_allowed(token: Token, before: Token | None, calls: bool, say: Complaints) -> None:
    kind, text, line = token.token_type, token.text, token.line
    if kind in _SPELLING and text.upper() != _SPELLING[kind]:
        say.at_word(line, "operator", found=text)
    elif kind == TokenType.VAR and (not _WORD.match(text) or text.startswith("_")):
        say.at_word(line, "placeholder" if text[:1] in "$@" else "name", found=text)
    elif kind == TokenType.VAR and calls and text.upper() not in FUNCTIONS:
        # A CTE's column list, name (a, b) AS, is told as such by the checker.
        if before is None or before.token_type not in (TokenType.WITH, TokenType.COMMA):
            say.at_word(line, "function", found=text.upper())
    elif kind == TokenType.NUMBER and (
        not is_whole(text) or (before is not None and before.token_type == TokenType.DOT)
    ):
        say.at_word(line, "float", found=text if not is_whole(text) else f".{text}")
    elif kind == TokenType.NUMBER and len(text) > MAX_DIGITS:
        say.at_word(line, "big-number", found=text)
    elif kind == TokenType.STRING and ("\\" in text or "\n" in text or "\x00" in text):
        say.at_word(line - text.count("\n"), "text-literal", found="with a backslash or line break")
    elif kind == TokenType.STRING and before is not None and before.token_type == TokenType.STRING:
        say.at_word(line, "text-literal", found="next to another text")
    elif kind in (TokenType.LT, TokenType.GT) and before is not None and before.token_type == kind:
        say.at_word(line, "operator", found=text * 2)


def is_whole(text: str) -> bool:
    """Whether a number is written in digits only."""
    return text.isascii() and text.isdigit()


def told_null_orders(tokens: Sequence[Token]) -> frozenset[int]:
    """Where the names end that are followed by NULLS FIRST or NULLS LAST.

    The parser fills in a default where nothing is written, so only the words themselves can tell.
    """
    ends: set[int] = set()
    for index, token in enumerate(tokens):
        words = [after.text.upper() for after in tokens[index + 1 : index + 4]]
        if words and words[0] in ("ASC", "DESC"):
            words = words[1:]
        if len(words) >= 2 and words[0] == "NULLS" and words[1] in ("FIRST", "LAST"):
            ends.add(token.end)
    return frozenset(ends)
