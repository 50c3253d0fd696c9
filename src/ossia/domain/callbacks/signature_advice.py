"""What a receiver that refuses a signature is checked for, as far as one can from here.

Pure.  The string that was signed, a command that proves the signature, and the mistakes that
receivers make with it, each with what this very request says about it (callback.md, 6).
"""

import base64
import json
import shlex
from collections.abc import Mapping
from enum import StrEnum
from typing import Final
from urllib.parse import parse_qsl, unquote, unquote_plus, urlencode

import msgspec

from ossia.protocol.callback_request import string_to_sign
from ossia.protocol.callback_template import BodyType
from ossia.records import Delivery

_OSS_PLACE: Final = "gosspublic.alicdn.com/"
_PASTED_BYTES: Final = 8 * 1024
"""A longer string to sign is fetched by the command instead of standing in it."""


class Likelihood(StrEnum):
    """What this request says about a mistake."""

    LIKELY = "likely"
    POSSIBLE = "possible"
    NO = "no"


class Mistake(msgspec.Struct, frozen=True, kw_only=True):
    """A mistake that receivers make, and whether it can be the one here."""

    name: str
    likelihood: Likelihood
    text: str


class SignatureCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Everything for finding out why a right signature is refused.

    ``command`` is empty where the log holds only the beginning of the body.
    """

    signed: bytes
    command: str
    mistakes: tuple[Mistake, ...]

    @property
    def likeliest(self) -> Mistake:
        """The one to look at first."""
        order = list(Likelihood)
        return min(self.mistakes, key=lambda each: order.index(each.likelihood))


def check_signature(delivery: Delivery) -> SignatureCheck:
    """The string to sign, the verifying command and the usual mistakes."""
    reply = delivery.reply_body.decode("utf-8", "replace").lower()
    signed = signed_string(delivery)
    return SignatureCheck(
        signed=signed,
        command="" if delivery.is_cut else _command(delivery, signed),
        # In this order where nothing else decides: an unmodified sample fails at the key first.
        mistakes=(
            _key(key_url_of(delivery.headers), reply),
            _authorization(delivery.reply_headers, reply),
            _body(delivery, reply),
            _path(*_target_of(delivery.url)),
        ),
    )


def signed_string(delivery: Delivery) -> bytes:
    """The bytes whose signature the request carries."""
    path, query = _target_of(delivery.url)
    return string_to_sign(path, query, delivery.message.body)


def key_url_of(headers: Mapping[str, str]) -> str:
    """The URL of the public key that the request names; empty if it names none."""
    for name, value in headers.items():
        if name.lower() == "x-oss-pub-key-url":
            try:
                return base64.b64decode(value, validate=True).decode("ascii")
            except ValueError:
                return ""
    return ""


def _target_of(url: str) -> tuple[str, str]:
    """Path and query (with its ``?``) as they stand; `urlsplit` would drop a bare ``?``."""
    _, _, rest = url.partition("://")
    start = min((rest.index(mark) for mark in "/?" if mark in rest), default=len(rest))
    path, mark, query = rest[start:].partition("?")
    return path or "/", mark + query


def _command(delivery: Delivery, signed: bytes) -> str:
    """One line for a shell with curl and openssl; it prints ``Verified OK``."""
    authorization = next(
        (value for name, value in delivery.headers.items() if name.lower() == "authorization"), ""
    )
    key_url = key_url_of(delivery.headers)
    if len(signed) <= _PASTED_BYTES:
        get = f"printf %s {_base64(signed)} | openssl base64 -d -A > signed.bin"
    else:
        get = f"ossia callbacks show {shlex.quote(delivery.id)} --string-to-sign > signed.bin"
    return (
        f"curl -fsS {shlex.quote(key_url)} -o key.pem"
        f" && {get}"
        f" && printf %s {shlex.quote(authorization)} | openssl base64 -d -A > signature.bin"
        " && openssl dgst -md5 -verify key.pem -signature signature.bin signed.bin"
    )


def _base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


# --- the mistakes ---------------------------------------------------------------


def _key(key_url: str, reply: str) -> Mistake:
    if key_url.partition("://")[2].startswith(_OSS_PLACE):
        likelihood = Likelihood.POSSIBLE
        text = (
            f"The request names {key_url}: there the receiver must find this server (DNS or "
            "/etc/hosts), not the real key of OSS."
        )
    else:
        says_so = any(word in reply for word in ("not trusted", "pub-key", "pub_key", "key url"))
        likelihood = Likelihood.LIKELY if says_so else Likelihood.POSSIBLE
        text = (
            f"Let the receiver trust this key URL: {key_url} (samples know only "
            "gosspublic.alicdn.com)."
        )
    return Mistake(name="key URL not trusted", likelihood=likelihood, text=text)


def _authorization(reply_headers: Mapping[str, str], reply: str) -> Mistake:
    is_apache = reply_headers.get("server", "").lower().startswith("apache")
    says_so = "authorization" in reply
    likelihood = (
        Likelihood.LIKELY if says_so else Likelihood.POSSIBLE if is_apache else Likelihood.NO
    )
    if likelihood is Likelihood.NO:
        text = "Nothing in the answer speaks of a missing Authorization header."
    else:
        text = (
            "The Authorization header did not reach the application: Apache and CGI drop it "
            '(CGIPassAuth On, or SetEnvIf Authorization "(.*)" HTTP_AUTHORIZATION=$1).'
        )
    return Mistake(name="Authorization header dropped", likelihood=likelihood, text=text)


def _body(delivery: Delivery, reply: str) -> Mistake:
    rewritten = _rewritten(delivery.message.body, delivery.message.body_type)
    says_so = "body is not the one" in reply or "content-md5" in reply
    if says_so or rewritten is not None:
        likelihood = Likelihood.LIKELY if says_so else Likelihood.POSSIBLE
        text = (
            "Check the bytes as they came (request.body, php://input, express.raw()): a body that "
            "is parsed and written again differs"
        )
        text += "." if rewritten is None else f", here for example `{rewritten}`."
    else:
        likelihood = Likelihood.NO
        text = "Parsing this body and writing it again would not change it."
    return Mistake(name="body parsed and written again", likelihood=likelihood, text=text)


def _rewritten(body: bytes, body_type: str) -> str | None:
    """What parsing and writing again usually makes of the body; None if the same bytes."""
    text = body.decode("utf-8", "replace")
    if body_type == BodyType.JSON:
        try:
            parsed = json.loads(text)
        except (ValueError, RecursionError):
            return None
        forms = [
            json.dumps(parsed, separators=(",", ":"), ensure_ascii=False),
            json.dumps(parsed),
        ]
    else:
        forms = [urlencode(parse_qsl(text, keep_blank_values=True)), urlencode(parse_qsl(text))]
    changed = next((form for form in forms if form != text), None)
    if changed is None:
        return None
    at = next(
        (i for i, (one, other) in enumerate(zip(text, changed, strict=False)) if one != other),
        min(len(text), len(changed)),
    )
    begin = max(0, at - 12)
    return " ".join(changed[begin : at + 20].split("\n"))


def _path(path: str, query: str) -> Mistake:
    decoded = unquote(path)
    reasons = []
    if "%" in path:
        reasons.append(f"the path is decoded exactly once, `{path}` to `{decoded}`")
    if unquote(decoded) != decoded:
        reasons.append("decoding it twice changes it")
    if "+" in path:
        reasons.append(f"`+` stays a plus (urldecode makes it `{unquote_plus(path)}`)")
    if query == "?":
        reasons.append("the URL ends in a bare `?`, which is signed")
    elif query:
        reasons.append(f"the query is signed raw, with its `?`: `{query[:60]}`")
    if reasons:
        likelihood, text = Likelihood.POSSIBLE, f"Mind path and query: {'; '.join(reasons)}."
    else:
        likelihood = Likelihood.NO
        text = (
            f"Nothing to decode in `{path}`; if a proxy strips a prefix, sign with this full path."
        )
    return Mistake(name="path or query taken apart", likelihood=likelihood, text=text)
