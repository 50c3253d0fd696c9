"""CORS rules: their XML, and which rule answers a request (buckets.md, section 4.1)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from ossia.errors import InvalidArgument, MalformedXML
from ossia.protocol.decimals import is_decimal
from ossia.protocol.xml import document, parse, tag

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
MAX_RULES = 20
MAX_BYTES = 16 * 1024


@dataclass(frozen=True, slots=True)
class CorsRule:
    """One rule.  Origins and headers may hold one ``*`` each."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...] = ()
    exposed: tuple[str, ...] = ()
    max_age_s: int | None = None

    def allows(self, origin: str, method: str, headers: Sequence[str] = ()) -> bool:
        """Whether the rule answers a request (or, with *headers*, a preflight)."""
        return (
            method in self.methods
            and any(_matches(pattern, origin) for pattern in self.origins)
            and all(
                any(_matches(pattern.lower(), name.lower()) for pattern in self.headers)
                for name in headers
            )
        )


@dataclass(frozen=True, slots=True)
class CorsConfiguration:
    """The rules of one bucket in their order; ``vary`` asks for ``Vary: Origin`` always."""

    rules: tuple[CorsRule, ...]
    vary: bool = False

    def find(self, origin: str, method: str, headers: Sequence[str] = ()) -> CorsRule | None:
        """The first rule that allows the request."""
        return next((rule for rule in self.rules if rule.allows(origin, method, headers)), None)


def _matches(pattern: str, text: str) -> bool:
    if "*" not in pattern:
        return pattern == text
    head, _, tail = pattern.partition("*")
    return len(text) >= len(head) + len(tail) and text.startswith(head) and text.endswith(tail)


@lru_cache(maxsize=512)
def stored_cors(content: bytes) -> CorsConfiguration:
    """The configuration that `render_cors` stored."""
    return parse_cors(content)


def parse_cors(content: bytes) -> CorsConfiguration:
    """Read ``<CORSConfiguration>``.  Raises `MalformedXML` or `InvalidArgument`."""
    if len(content) > MAX_BYTES:
        raise MalformedXML(ErrorDetail="The CORS configuration exceeds 16 KB.")
    root = parse(content, "CORSConfiguration")
    rules = []
    for element in root.all("CORSRule"):
        age = element.find("MaxAgeSeconds")
        rules.append(
            CorsRule(
                tuple(_origin(each.text) for each in element.all("AllowedOrigin")),
                tuple(_method(each.text) for each in element.all("AllowedMethod")),
                # They come back in lower case (witnessed.md, W27).
                tuple(
                    _one_star(each.text, "AllowedHeader").lower()
                    for each in element.all("AllowedHeader")
                ),
                tuple(_no_star(each.text) for each in element.all("ExposeHeader")),
                None if age is None else _seconds(age.text),
            )
        )
        if not rules[-1].origins or not rules[-1].methods:
            raise MalformedXML(ErrorDetail="A CORSRule needs AllowedOrigin and AllowedMethod.")
    if not 1 <= len(rules) <= MAX_RULES:
        raise MalformedXML(ErrorDetail=f"There must be 1 to {MAX_RULES} CORSRule elements.")
    return CorsConfiguration(tuple(rules), root.get("ResponseVary").lower() == "true")


def render_cors(configuration: CorsConfiguration) -> bytes:
    """Write ``<CORSConfiguration>``."""
    return document(
        "CORSConfiguration",
        *(_rule_xml(rule) for rule in configuration.rules),
        tag("ResponseVary", configuration.vary),
    )


def _rule_xml(rule: CorsRule) -> str:
    fields = (
        ("AllowedOrigin", rule.origins),
        ("AllowedMethod", rule.methods),
        ("AllowedHeader", rule.headers),
        ("ExposeHeader", rule.exposed),
        ("MaxAgeSeconds", () if rule.max_age_s is None else (rule.max_age_s,)),
    )
    content = "".join(tag(name, value) for name, values in fields for value in values)
    return f"<CORSRule>{content}</CORSRule>"


_PRINTABLE = re.compile(r"[\x21-\x7e]+\Z")
_ORIGIN = re.compile(r"[\x20-\x7e]+\Z")


def _origin(text: str) -> str:
    """Also one that no browser has: with a blank, or without a scheme (witnessed.md, W45)."""
    return _one_star(text, "AllowedOrigin", _ORIGIN, "ASCII")


def _one_star(
    text: str,
    name: str,
    allowed: re.Pattern[str] = _PRINTABLE,
    kind: str = "ASCII without spaces",
) -> str:
    text = text.strip()
    if text.count("*") > 1 or not allowed.match(text):
        raise InvalidArgument(
            f"{name} is {kind} and may contain one *.",
            ArgumentName=name,
            ArgumentValue=text,
        )
    return text


def _no_star(text: str) -> str:
    if "*" in text:
        raise InvalidArgument(
            "ExposeHeader may not contain *.", ArgumentName="ExposeHeader", ArgumentValue=text
        )
    return _one_star(text, "ExposeHeader")


def _method(text: str) -> str:
    if text.strip() not in METHODS:
        raise InvalidArgument(ArgumentName="AllowedMethod", ArgumentValue=text)
    return text.strip()


def _seconds(text: str) -> int:
    digits = text.strip()
    if digits[:1] == "-" and is_decimal(digits[1:], 9):
        raise InvalidArgument(ArgumentName="MaxAgeSeconds", ArgumentValue=digits)
    if not is_decimal(digits, 9):
        # 999 999 999 seconds are thirty years.
        raise MalformedXML(ErrorDetail="MaxAgeSeconds must be a number of seconds.")
    return int(digits)
