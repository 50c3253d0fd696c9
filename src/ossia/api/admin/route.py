"""What a route of the admin API is: one record, from which everything else is read.

Matching, reading the request, authorization, the answer and the OpenAPI description come from the
record that ``AdminRegistry.route`` makes.

1. The fields of the request class that the path names come from there; the others come from the
   query, or, of POST and PUT, from a JSON object.
2. The gateway authorizes before it calls a handler: *action* on what ``about`` says the request is
   about.  A route whose action is None is open to everybody.
"""

import inspect
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_type_hints

import msgspec

from ossia.api.admin.services import AdminServices
from ossia.errors import InvalidArgument, MethodNotAllowed, NoSuchKey
from ossia.protocol.json_document import read_json

PREFIX: Final = "/-/api"
_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_SIGNATURE_IN_QUERY: Final = frozenset({"OSSAccessKeyId", "Expires", "Signature", "security-token"})


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about: ``<kind>/<bucket>/<key>``, and the record if there is one.

    A star stands for all of them; only a policy that covers all allows it.
    """

    bucket: str = "*"
    key: str = "*"
    found: Any = None
    kind: str = "callbacks"


@dataclass(frozen=True, slots=True)
class AdminCall:
    """One request on its way: the services, what it is about, and what else its caller may."""

    services: AdminServices
    now_ms: int
    subject: Subject
    allows: Callable[[str, str], Awaitable[bool]]
    """Whether the caller may do the same to callbacks of (bucket, key)."""


About = Callable[[AdminServices, Any], Awaitable[Subject]]
Handler = Callable[[AdminCall, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """An offered route.  ``template`` is the path with ``{name}`` for its variable parts."""

    name: str
    method: str
    template: str
    action: str | None
    about: About
    request: type[Any]
    answer: Any
    summary: str
    handler: Handler
    pattern: re.Pattern[str]

    @property
    def takes_json(self) -> bool:
        """Whether the fields come in a JSON object, and not in the query."""
        return self.method in ("POST", "PUT")

    @property
    def in_path(self) -> list[str]:
        """The names of the fields that the path holds."""
        return _PLACEHOLDER.findall(self.template)

    def read(self, in_path: Mapping[str, str], query: Mapping[str, str], content: bytes) -> Any:
        """The request, or `InvalidArgument` saying what is wrong with it."""
        try:
            given: dict[str, Any]
            if self.takes_json:
                given = read_json(content or b"{}", dict[str, Any])
                return msgspec.convert({**given, **in_path}, self.request)
            given = {
                name: value
                for name, value in query.items()
                if not name.startswith("x-oss-") and name not in _SIGNATURE_IN_QUERY
            }
            # An empty value is one that is not given: forms send such.
            given = {name: value for name, value in given.items() if value}
            return msgspec.convert({**given, **in_path}, self.request, strict=False)
        except ValueError as error:  # msgspec's own are such
            raise InvalidArgument(f"The request cannot be read: {error}") from error


class AdminRegistry:
    """The routes, in the order of their declaration."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def route(
        self, method: str, path: str, *, action: str | None, about: About
    ) -> Callable[[Handler], Handler]:
        """Register the decorated handler for *method* and *path* (below the prefix)."""

        def register(handler: Handler) -> Handler:
            hints = get_type_hints(handler)
            template = PREFIX + path
            self.routes.append(
                Route(
                    name=hints["request"].__name__,
                    method=method,
                    template=template,
                    action=action,
                    about=about,
                    request=hints["request"],
                    answer=hints["return"],
                    summary=(inspect.getdoc(handler) or "").partition("\n")[0],
                    handler=handler,
                    pattern=re.compile(_PLACEHOLDER.sub(r"(?P<\1>[^/]+)", template)),
                )
            )
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """The route for a request and the variable parts of its path."""
        matching = [
            (route, found) for route in self.routes if (found := route.pattern.fullmatch(path))
        ]
        # "/callbacks/pending" is not the row "pending".
        matching.sort(key=lambda each: len(each[0].in_path))
        for route, found in matching:
            if route.method == method:
                return route, found.groupdict()
        if matching:
            raise MethodNotAllowed(
                headers={"Allow": ", ".join(sorted({route.method for route, _ in matching}))},
                Method=method,
            )
        raise NoSuchKey(f"{path} is no route of the admin API: see {PREFIX}/openapi.json.")


admin = AdminRegistry()
"""Every route; the topic modules register theirs."""
