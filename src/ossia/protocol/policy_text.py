"""The texts of a policy: wildcards, variables, and how either is written where it is meant itself.

1. ``*`` stands for any run of characters, ``?`` for one.  Source: RAM documentation.
2. ``${acs:UserName}`` stands for what the request has under that key (`VARIABLES`), character by
   character: a star in it is a star and no wildcard.  RAM's documentation knows no variables; these
   are ours, made after those of AWS IAM.
3. Whatever holds a variable that has no value, or an empty one, fits nothing at all.
4. ``${*}``, ``${?}`` and ``${$}`` are a star, a question mark and a dollar.
"""

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

VARIABLES: Final = (
    "acs:AccessId",
    "acs:PrincipalARN",
    "acs:UserName",
    "acs:UserId",
    "acs:RoleName",
    "acs:RoleSessionName",
    "oidc:iss",
    "oidc:aud",
    "oidc:sub",
)
"""The condition keys that are variables, too: those that say who asks, and that he cannot choose
anew for each request.  Any case will do."""

_SPELLING = {name.lower(): name for name in VARIABLES}
_ITSELF = frozenset("*?$")
_VARIABLE = re.compile(r"\$\{([^{}]*)\}")
_PIECE = re.compile(r"\$\{[*?$]\}|[*?]|[^*?$]+|\$")
_SPECIAL = re.compile(r"[*?$]")
_WILD = re.compile(r"[*?]|\$\{")


class PolicyError(ValueError):
    """A policy that cannot be understood; the text says what is wrong with it."""


def check_variables(text: str) -> None:
    """Raise `PolicyError` if *text* has a variable that there is not."""
    for name in _VARIABLE.findall(text):
        if name not in _ITSELF and name.lower() not in _SPELLING:
            raise PolicyError(f"unknown variable ${{{name}}}; there are {', '.join(VARIABLES)}")
    if "${" in _VARIABLE.sub("", text):
        raise PolicyError(f"{text} has a ${{ that is no variable; as text it is ${{$}}{{")


def refuse_variables(element: str, text: str) -> None:
    """Raise `PolicyError` if *text* has a variable where there may be none."""
    if "${" in text:
        raise PolicyError(f"{text}: {element} cannot have variables")


def variables_in(value: object) -> frozenset[str]:
    """The variables in a JSON value, as `VARIABLES` spells them."""
    if isinstance(value, dict):
        return variables_in(list(value.values()))
    if isinstance(value, list):
        return frozenset().union(*map(variables_in, value))
    if not isinstance(value, str) or "${" not in value:
        return frozenset()
    return frozenset(
        _SPELLING[name.lower()] for name in _VARIABLE.findall(value) if name not in _ITSELF
    )


def fill(value: Any, values: Mapping[str, str]) -> Any:
    """A JSON value with what each of its variables stands for; those without a value stay."""
    if isinstance(value, dict):
        return {name: fill(each, values) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, values) for each in value]
    if not isinstance(value, str):
        return value

    def stands_for(found: re.Match[str]) -> str:
        known = values.get(_SPELLING.get(found[1].lower(), ""))
        return found[0] if known is None else literally(known)

    return _VARIABLE.sub(stands_for, value)


def literally(text: str) -> str:
    """How *text*, whatever is in it, is written in a policy."""
    return _SPECIAL.sub(r"${\g<0>}", text)


def plain_text(text: str) -> str | None:
    """*text* where stars are stars, None if a variable has no value."""
    if "${" not in text:
        return text
    return None if variables_in(text) else _VARIABLE.sub(r"\1", text)


def fixed_beginning(pattern: str) -> str:
    """What every text that *pattern* fits begins with; all of it where nothing in it is special."""
    return _WILD.split(pattern, maxsplit=1)[0]


def has_wildcard(text: str) -> bool:
    """Whether a star, a question mark or a variable is in *text*, even where it is meant itself."""
    return fixed_beginning(text) != text


def is_beginning(pattern: str) -> bool:
    """Whether *pattern* is text and one star at its end."""
    return pattern == f"{fixed_beginning(pattern)}*"


@lru_cache(maxsize=4096)
def compile_pattern(pattern: str) -> Callable[[str], bool]:
    """A test for text that *pattern* fits.

    The time a test takes grows with the length of the text, and with question marks in the pattern
    times the pattern's, no faster: whoever writes a policy must not be able to stall the server.
    The same pattern gives the same test, so that whoever has many can tell which he has made
    already.
    """
    if pattern == "*":
        return lambda _text: True
    if is_beginning(pattern):
        prefix = pattern[:-1]
        return lambda text: text.startswith(prefix)
    if variables_in(pattern):
        return lambda _text: False
    if not _SPECIAL.search(pattern):
        return lambda text: text == pattern
    pieces = _PIECE.findall(pattern)
    return _with_any_letter(pieces) if "?" in pieces else _with_runs(pieces)


def _with_runs(pieces: list[str]) -> Callable[[str], bool]:
    """A test for a pattern whose only wildcards, if any, are stars."""
    first, *rest = _chunks(pieces, str, "?")
    if not rest:
        return lambda text: text == first
    *between, last = rest
    middle, least = [chunk for chunk in between if chunk], len(first) + len(last)

    def test(text: str) -> bool:
        if len(text) < least or not (text.startswith(first) and text.endswith(last)):
            return False
        at, end = len(first), len(text) - len(last)
        for chunk in middle:
            # The first place is as good as any other.
            at = text.find(chunk, at, end)
            if at < 0:
                return False
            at += len(chunk)
        return True

    return test


def _with_any_letter(pieces: list[str]) -> Callable[[str], bool]:
    first, *rest = _chunks(pieces, re.escape, ".")
    if rest:
        *middle, last = rest
        # An atomic group never gives back the first place where its chunk fits.
        first += "".join(f"(?>.*?{chunk})" for chunk in middle if chunk) + ".*" + last
    fullmatch = re.compile(first, re.DOTALL).fullmatch
    return lambda text: fullmatch(text) is not None


def _chunks(pieces: list[str], written: Callable[[str], str], any_letter: str) -> list[str]:
    """What stands between the stars, its text as *written* writes it."""
    chunks = [""]
    for piece in pieces:
        if piece == "*":
            chunks.append("")
        elif piece == "?":
            chunks[-1] += any_letter
        else:
            chunks[-1] += written(piece[2] if piece.startswith("${") else piece)
    return chunks
