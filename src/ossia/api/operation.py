"""What an operation is: one record, from which everything else is read.

Route, parsing, rendering, policy action, documentation row and conformance matrix come from
the record that ``operation`` registers; see ``docs/architecture.md``.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, ClassVar, get_type_hints

from ossia.api.bind import Binder, HeaderLine, compile_binder, compile_headers
from ossia.api.call import Call
from ossia.errors import OssError
from ossia.http.message import Span


class Scope(StrEnum):
    """What an operation is about."""

    SERVICE = "service"
    BUCKET = "bucket"
    OBJECT = "object"


class Grant(Enum):
    """Which ACL permission suffices for an operation on objects, when no policy decides."""

    NONE = "none"
    READ = "read"
    WRITE = "write"


class Answer:
    """Base of results: a status, header fields by annotation, and a body.

    Results without a body inherit ``body`` as it is.
    """

    status: int = 200
    content_type: ClassVar[str] = "application/xml"
    rate: int | None = None
    """How many bytes a second are sent at most."""
    is_coded: bool = False
    """Whether the body is sent with gzip."""
    spans: tuple[Span, ...] = ()
    """Runs of file bytes that follow the body."""

    def body(self, call: Call) -> bytes:
        """The body; empty for none."""
        del call
        return b""

    def body_type(self) -> str:
        """Content-Type of the body."""
        return self.content_type

    def is_foreign(self) -> bool:
        """Whether the body is somebody's own, such as an object: a browser must not trust it."""
        return False

    def length(self) -> int | None:
        """Content-Length where it is not that of the body (HEAD)."""
        return None

    def more_headers(self) -> list[tuple[str, str]]:
        """Headers whose names are not known beforehand, in a list of their own."""
        return []


_header_lines: dict[type, list[HeaderLine]] = {}


def headers_of(answer: Answer) -> list[tuple[str, str]]:
    """The header fields of *answer*; those that are None are left out."""
    pairs = answer.more_headers()
    lines = _header_lines.get(type(answer))
    if lines is None:
        lines = _header_lines[type(answer)] = compile_headers(type(answer))
    for attribute, name in lines:
        value = getattr(answer, attribute)
        if value is not None:
            pairs.append((name, str(value)))
    return pairs


Resource = tuple[str, str] | tuple[str, str, str | None]
"""A bucket name, a key, and the version if one is named."""


def of_version(action: str) -> str:
    """The policy action that takes the place of *action* for a version (sts-ram.md, section 5)."""
    return action.replace("Object", "ObjectVersion")


@dataclass(frozen=True, slots=True)
class Needs:
    """A permission beyond the operation's own: *action* on each resource the request names.

    ``only_if`` tells in words when it is needed, if not always: ``resources`` gives none then, or
    ``holds`` is false, for which it may look into the store: those before it are granted by then.
    ``version_if`` tells when a resource names a version, if one can: that has an action of its own.
    """

    action: str
    grant: Grant
    resources: Callable[[Call, Any], Iterable[Resource]]
    only_if: str = ""
    version_if: str = ""
    holds: Callable[[Call, Any], Awaitable[bool]] | None = None

    @property
    def version_action(self) -> str | None:
        """What is needed where a version is named, if one can be."""
        return of_version(self.action) if self.version_if else None


@dataclass(frozen=True, slots=True, eq=False)
class Operation:
    """An offered operation.

    ``version_action`` takes the place of ``action`` where the request names a version.
    ``or_method`` is another method by which it can be asked for.
    ``selectors`` are query keys (or ``key=value``) that choose it; ``or_selectors`` are others that
    can only mean it, too: parameters of its own that select something elsewhere, or too few, so
    that it says itself what is missing.  ``sets_acl``: besides those that write objects, it gives
    something an ACL.
    """

    name: str
    method: str
    or_method: str | None
    scope: Scope
    selectors: frozenset[str]
    or_selectors: frozenset[str] | None
    header: str | None
    action: str | None
    version_action: str | None
    grant: Grant
    errors: tuple[type[OssError], ...]
    also: tuple[Needs, ...]
    creates_bucket: bool
    sets_acl: bool
    summary: str
    topic: str
    handler: Callable[[Call, Any], Awaitable[Answer]]
    bind: Binder

    def asked(self, query: Mapping[str, str]) -> tuple[str | None, str | None]:
        """The policy action of a request with this *query*, and the version that it names."""
        version = query.get("versionId") if self.version_action else None
        return (self.action, None) if version is None else (self.version_action, version)


@dataclass(frozen=True, slots=True)
class Declined:
    """A published operation that is not offered: the answer is 501 with its name."""

    name: str
    method: str
    scope: Scope
    selectors: frozenset[str]
    header: str | None = None
    topic: str = "declined"


def _version_action(action: str | None, request_type: type) -> str | None:
    names_versions = "version_id" in request_type.__annotations__
    return of_version(action) if action and names_versions else None


class Registry:
    """The operations of one service."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.operations: list[Operation] = []
        self.declined: list[Declined] = []

    def operation(
        self,
        method: str,
        scope: Scope,
        *,
        or_method: str | None = None,
        query: Iterable[str] = (),
        or_query: Iterable[str] | None = None,
        header: str | None = None,
        action: str | None = "",
        grant: Grant = Grant.NONE,
        errors: tuple[type[OssError], ...] = (),
        also: tuple[Needs, ...] = (),
        creates_bucket: bool = False,
        sets_acl: bool = False,
    ) -> Callable[[Callable[[Call, Any], Awaitable[Any]]], Callable[[Call, Any], Awaitable[Any]]]:
        """Register the decorated handler.

        The name is that of the handler's request class; the policy action is ``oss:`` and the name
        unless *action* says otherwise (None: the operation needs only what *also* names).
        """

        def register(
            handler: Callable[[Call, Any], Awaitable[Any]],
        ) -> Callable[[Call, Any], Awaitable[Any]]:
            hints = get_type_hints(handler)
            request_type = hints["request"]
            name = request_type.__name__
            acted = f"{self.prefix}:{name}" if action == "" else action
            self.operations.append(
                Operation(
                    name=name,
                    method=method,
                    or_method=or_method,
                    scope=scope,
                    selectors=frozenset(query),
                    or_selectors=None if or_query is None else frozenset(or_query),
                    header=header,
                    action=acted,
                    version_action=_version_action(acted, request_type),
                    grant=grant,
                    errors=errors,
                    also=also,
                    creates_bucket=creates_bucket,
                    sets_acl=sets_acl,
                    summary=(inspect.getdoc(handler) or "").partition("\n")[0],
                    topic=handler.__module__.rpartition(".")[2],
                    handler=handler,
                    bind=compile_binder(request_type),
                )
            )
            return handler

        return register

    def decline(
        self, name: str, method: str, scope: Scope, *query: str, header: str | None = None
    ) -> None:
        """Name a published operation that is not offered."""
        self.declined.append(Declined(name, method, scope, frozenset(query), header))
