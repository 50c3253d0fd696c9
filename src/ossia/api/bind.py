"""From requests to request dataclasses, and from results to header lines.

The markers say where a field comes from.  They are compiled once, at import, into plain
functions; a request costs no reflection.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin, get_type_hints

from ossia.errors import InvalidArgument, MissingArgument, OssError
from ossia.http.body import Body
from ossia.protocol.decimals import is_decimal

if TYPE_CHECKING:
    from ossia.api.operation import Call

Parse = Callable[[str], Any]
MAX_DOCUMENT = 2 * 1024 * 1024
"""DeleteMultipleObjects allows 2 MB; no other document is longer."""


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter.  *parse* may raise ValueError: InvalidArgument with name and value."""

    name: str
    parse: Parse = str


@dataclass(frozen=True, slots=True)
class Header:
    """A header, of a request (with *parse*) or of a result (None is left out)."""

    name: str
    parse: Parse = str


@dataclass(frozen=True, slots=True)
class Path:
    """A part of the address: ``bucket`` or ``key``."""

    part: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole body, parsed.  *parse* raises OSS errors itself; an absent body is ``b""``."""

    parse: Callable[[bytes], Any]
    limit: int = MAX_DOCUMENT


@dataclass(frozen=True, slots=True)
class Stream:
    """The body itself."""


@dataclass(frozen=True, slots=True)
class FromCall:
    """Whatever *get* makes of the call."""

    get: "Callable[[Call], Any]"


BucketInPath = Annotated[str, Path("bucket")]
KeyInPath = Annotated[str, Path("key")]
BodyStream = Annotated[Body, Stream()]


@dataclass(frozen=True, slots=True)
class Binder:
    """Makes the request dataclass of one operation."""

    request_type: type
    document: Document | None
    streams: bool
    bind: "Callable[[Call, bytes], Any]"

    @property
    def takes_no_body(self) -> bool:
        """Whether the body is of no interest."""
        return self.document is None and not self.streams


def compile_binder(request_type: type) -> Binder:
    """Compile the markers of *request_type*."""
    assert is_dataclass(request_type)
    getters: list[tuple[str, Callable[[Call, bytes], Any]]] = []
    document: Document | None = None
    streams = False
    markers = _markers(request_type)
    for each in fields(request_type):
        marker = markers[each.name]
        default = each.default
        if each.default_factory is not MISSING:
            default = each.default_factory()
        if isinstance(marker, Document):
            document = marker
        streams = streams or isinstance(marker, Stream)
        getters.append((each.name, _getter(marker, default)))

    def bind(call: "Call", content: bytes) -> Any:
        return request_type(**{name: get(call, content) for name, get in getters})

    return Binder(request_type, document, streams, bind)


def _markers(annotated: type) -> dict[str, Any]:
    found = {}
    for name, hint in get_type_hints(annotated, include_extras=True).items():
        if get_origin(hint) is Annotated:
            found[name] = get_args(hint)[1]
    return found


def _getter(marker: Any, default: Any) -> "Callable[[Call, bytes], Any]":
    match marker:
        case Path(part="bucket"):
            return lambda call, _: call.bucket_name
        case Path(part="key"):
            return lambda call, _: call.key
        case Query(name=name, parse=parse):
            return _text_getter(name, parse, default, lambda call: call.query.get(name))
        case Header(name=name, parse=parse):
            return _text_getter(name, parse, default, _header_reader(name))
        case Document(parse=parse):
            return lambda _, content: parse(content)
        case Stream():
            return lambda call, _: call.http.body
        case FromCall(get=get):
            return lambda call, _: get(call)
    raise TypeError(f"{marker!r} is not a marker")


def _header_reader(name: str) -> "Callable[[Call], str | None]":
    raw_name = name.encode()

    def read(call: "Call") -> str | None:
        raw = call.http.headers.get(raw_name)
        if raw is None:
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError:
            return raw.decode("latin-1")

    return read


def _text_getter(
    name: str, parse: Parse, default: Any, read: "Callable[[Call], str | None]"
) -> "Callable[[Call, bytes], Any]":
    if parse is str and default is not MISSING:

        def get_text(call: "Call", _: bytes) -> Any:
            text = read(call)
            return default if text is None else text

        return get_text

    def get(call: "Call", _: bytes) -> Any:
        text = read(call)
        if text is None:
            if default is MISSING:
                raise MissingArgument(ArgumentName=name)
            return default
        try:
            return parse(text)
        except OssError:
            raise
        except ValueError as error:
            raise InvalidArgument(
                str(error) or None, ArgumentName=name, ArgumentValue=text
            ) from error

    return get


HeaderLine = tuple[str, str]
"""An attribute of a result and the header it becomes."""


def compile_headers(result_type: type) -> list[HeaderLine]:
    """The header fields of a result class."""
    return [
        (name, marker.name)
        for name, marker in _markers(result_type).items()
        if isinstance(marker, Header)
    ]


# --- parsers of single values ---

_MAX_DIGITS = 18


def integer(low: int, high: int) -> Parse:
    """A decimal number within bounds."""

    def parse(text: str) -> int:
        if not is_decimal(text, _MAX_DIGITS) or not low <= int(text) <= high:
            raise ValueError(f"The value must be an integer between {low} and {high}.")
        return int(text)

    return parse


def one_of(*allowed: str, fold: bool = False) -> Parse:
    """One of a few words; with *fold* in any case, answered as listed."""
    table = {(word.lower() if fold else word): word for word in allowed}

    def parse(text: str) -> str:
        try:
            return table[text.lower() if fold else text]
        except KeyError:
            raise ValueError(f"The value must be one of {', '.join(allowed)}.") from None

    return parse


def boolean(text: str) -> bool:
    """``true`` or ``false`` in any case."""
    return bool(one_of("true", "false", fold=True)(text) == "true")
