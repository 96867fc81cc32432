"""What an expression reads: the paths in its text, and the macro it uses, found without evaluating anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

MACROS = frozenset({"all", "exists", "exists_one", "existsOne", "map", "filter"})
WORDS = frozenset({"true", "false", "null", "in", "has"})

_PLAIN = re.compile(
    r"""(?P<root>[A-Za-z_][A-Za-z0-9_]*)"""
    r"""(?P<rest>(?:\.[A-Za-z_][A-Za-z0-9_]*|\[(?:0|[1-9][0-9]{0,8})\]|\["[^"\\\x00-\x1f]*"\])*)"""
)
_MEMBER = re.compile(r"""\.(?P<field>\w+)|\[(?P<position>[0-9]+)\]|\["(?P<key>[^"]*)"\]""")

# As CEL writes them: raw text knows no escapes, and three quotes may hold one.
_RAW = r'''[bB]?[rR](?:""".*?"""|\'\'\'.*?\'\'\'|"[^"\r\n]*"|'[^'\r\n]*')'''
_QUOTED = r'''[bB]?(?:"""(?:\\.|[^\\])*?"""|\'\'\'(?:\\.|[^\\])*?\'\'\'|"(?:\\.|[^"\\\r\n])*"|'(?:\\.|[^'\\\r\n])*')'''
_TOKEN = re.compile(
    rf"(?P<blank>\s+|//[^\n]*)|(?P<text>{_RAW}|{_QUOTED})"
    r"|(?P<number>0x[0-9a-fA-F]+[uU]?|[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?[uU]?)"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)|(?P<mark>.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Path:
    """A variable and the way into it: fields by text, positions in lists by number."""

    root: str
    members: tuple[str | int, ...] = ()


@dataclass(frozen=True, slots=True)
class Scanned:
    """What an expression mentions: every path as often as it is written, and each macro with its variable."""

    paths: tuple[Path, ...]
    macros: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


def plain(text: str) -> Path | None:
    """Return the path that the whole text is, None when it is anything else."""
    found = _PLAIN.fullmatch(text.strip())
    if found is None or found["root"] in WORDS:
        return None
    members = (_member(each) for each in _MEMBER.finditer(found["rest"]))
    return Path(found["root"], tuple(members))


def scan(text: str) -> Scanned:
    """Find every path and macro of a CEL expression; what is quoted or remarked holds none.

    A path ends where CEL computes: at a call, or in brackets that hold more than a number or plain text.
    """
    tokens = list(_tokens(text))
    macros = [
        (token.text, tokens[at + 2].text)
        for at, token in enumerate(tokens)
        if token.text in MACROS and _is(tokens, at - 1, ".") and _is(tokens, at + 1, "(") and at + 2 < len(tokens)
    ]
    paths = [_path_at(tokens, at) for at in range(len(tokens)) if _begins(tokens, at)]
    return Scanned(tuple(paths), tuple(macros))


def _member(found: re.Match[str]) -> str | int:
    if found["position"] is not None:
        return int(found["position"])
    return found["key"] if found["field"] is None else found["field"]


def _tokens(text: str) -> Iterator[_Token]:
    for found in _TOKEN.finditer(text):
        if found.lastgroup != "blank":
            yield _Token(str(found.lastgroup), found[0])


def _is(tokens: list[_Token], at: int, mark: str) -> bool:
    return 0 <= at < len(tokens) and tokens[at] == _Token("mark", mark)


def _begins(tokens: list[_Token], at: int) -> bool:
    token = tokens[at]
    return (
        token.kind == "name"
        and token.text not in WORDS
        and not _is(tokens, at - 1, ".")
        and not _is(tokens, at + 1, "(")
    )


def _path_at(tokens: list[_Token], at: int) -> Path:
    root, members = tokens[at].text, list[str | int]()
    at += 1
    while True:
        if _is(tokens, at, ".") and at + 1 < len(tokens) and tokens[at + 1].kind == "name":
            if _is(tokens, at + 2, "("):
                break
            members.append(tokens[at + 1].text)
            at += 2
        elif (
            _is(tokens, at, "[") and _is(tokens, at + 2, "]") and (inside := _plain_member(tokens[at + 1])) is not None
        ):
            members.append(inside)
            at += 3
        else:
            break
    return Path(root, tuple(members))


def _plain_member(token: _Token) -> str | int | None:
    if token.kind == "number" and token.text.isdecimal():
        return int(token.text)
    if token.kind == "text" and token.text[0] in "\"'" and token.text[:3] not in ('"""', "'''"):
        return None if "\\" in token.text else token.text[1:-1]
    return None
