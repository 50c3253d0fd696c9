"""From requests to request dataclasses, and from results to header lines.

The markers say where a field comes from.  They are compiled once, at import, into plain
functions; a request costs no reflection.
"""

from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from ossia.api.call import Call
from ossia.errors import InvalidArgument, MissingArgument, OssError
from ossia.http.body import Body
from ossia.protocol.decimals import is_decimal
from ossia.protocol.header_text import decode_header
from ossia.protocol.names import check_written_key

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
    """A header, of a request (with *parse*) or of a result (None is left out).

    An empty one of a request counts as not given (witnessed.md, W21, W47).
    """

    name: str
    parse: Parse = str


@dataclass(frozen=True, slots=True)
class HeaderOrQuery:
    """A header, or the query parameter of the same name, of a request; empty is not given."""

    name: str
    parse: Parse


@dataclass(frozen=True, slots=True)
class Path:
    """A part of the address: ``bucket``, ``key``, or ``written key``."""

    part: str


@dataclass(frozen=True, slots=True)
class Document:
    """The whole body, parsed.  *parse* raises OSS errors itself; an absent body is ``b""``.

    The gateway compares a Content-MD5 before; *needs_md5* refuses a request without one.
    """

    parse: Callable[[bytes], Any]
    limit: int = MAX_DOCUMENT
    needs_md5: bool = False


@dataclass(frozen=True, slots=True)
class Stream:
    """The body itself."""


@dataclass(frozen=True, slots=True)
class FromCall:
    """Whatever *get* makes of the call."""

    get: Callable[[Call], Any]


BucketInPath = Annotated[str, Path("bucket")]
KeyInPath = Annotated[str, Path("key")]
WrittenKeyInPath = Annotated[str, Path("written key")]
BodyStream = Annotated[Body, Stream()]


@dataclass(frozen=True, slots=True)
class Binder:
    """Makes the request dataclass of one operation."""

    request_type: type
    document: Document | None
    takes_no_body: bool
    """Whether the body is of no interest."""
    bind: Callable[[Call, bytes], Any]


def compile_binder(request_type: type) -> Binder:
    """Compile the markers of *request_type* into one function.

    Its source is written here, because a call for every field would cost more than the fields:
    most headers and parameters are absent, which one look in a dict tells.
    """
    assert is_dataclass(request_type)
    names: dict[str, Any] = {"Request": request_type}
    arguments = []
    document: Document | None = None
    takes_no_body = True
    markers = _markers(request_type)
    for number, each in enumerate(fields(request_type)):
        marker = markers[each.name]
        default = each.default
        if each.default_factory is not MISSING:
            default = each.default_factory()
        if isinstance(marker, Document):
            document = marker
        takes_no_body = takes_no_body and not isinstance(marker, Document | Stream)
        arguments.append(f"{each.name}={_expression(marker, default, number, names)}")
    source = (
        "def bind(call, content):\n"
        "    headers, query = call.http.headers, call.query\n"
        f"    return Request({', '.join(arguments)})\n"
    )
    exec(compile(source, f"<binder of {request_type.__name__}>", "exec"), names)  # noqa: S102 - names and constants of ours
    return Binder(request_type, document, takes_no_body, names["bind"])


def _markers(annotated: type) -> dict[str, Any]:
    found = {}
    for name, hint in get_type_hints(annotated, include_extras=True).items():
        if get_origin(hint) is Annotated:
            found[name] = get_args(hint)[1]
    return found


def _expression(marker: Any, default: Any, number: int, names: dict[str, Any]) -> str:
    """How `bind` gets one field; the objects it uses are added to *names*."""
    match marker:
        case Path(part="bucket"):
            return "call.bucket_name"
        case Path(part="key"):
            return "call.key"
        case Path(part="written key"):
            names["check_written_key"] = check_written_key
            return "check_written_key(call.key)"
        case Stream():
            return "call.http.body"
        case Document(parse=parse):
            names[f"parse_{number}"] = parse
            return f"parse_{number}(content)"
        case FromCall(get=get):
            names[f"get_{number}"] = get
            return f"get_{number}(call)"
        case Query() | Header() | HeaderOrQuery():
            found, is_absent = _lookup(marker)
            names[f"read_{number}"] = _reader(marker.name, marker.parse)
            name = marker.name
        case _:
            raise TypeError(f"{marker!r} is not a marker")
    if default is MISSING:
        names[f"absent_{number}"] = _refusal(name)
        absent = f"absent_{number}()"
    else:
        names[f"default_{number}"] = default
        absent = f"default_{number}"
    return f"{absent} if {is_absent.format(f'(found := {found})')} else read_{number}(found)"


def _lookup(marker: Query | Header | HeaderOrQuery) -> tuple[str, str]:
    """How a value is found, and when it is not there: an empty header is one that is not given."""
    in_query, in_headers = f"query.get({marker.name!r})", f"headers.get({marker.name.encode()!r})"
    match marker:
        case Query():
            return in_query, "{} is None"
        case Header():
            return in_headers, "not {}"
    return f"{in_headers} or {in_query}", "not {}"


def _refusal(name: str) -> Callable[[], None]:
    def refuse() -> None:
        raise MissingArgument(ArgumentName=name)

    return refuse


def _reader(name: str, parse: Parse) -> Callable[[bytes | str], Any]:
    def read(found: bytes | str) -> Any:
        text = found if isinstance(found, str) else decode_header(found)
        try:
            return parse(text)
        except OssError:
            raise
        except ValueError as error:
            raise InvalidArgument(
                str(error) or None, ArgumentName=name, ArgumentValue=text
            ) from error

    return read


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
