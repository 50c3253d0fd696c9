"""Who may upload what: the operator's hook, and what it grants.

A hook is a function of the operator's that knows who is asking.  It gets the request (Starlette's,
so session, cookies, headers and ``scope`` are there), and returns a `Grant` or raises `Refused`::

    def may_upload(request):
        user = request.session.get("user")
        if user is None:
            raise Refused(401, "Sign in first.")
        return Grant(user=user, prefix=f"users/{user}/", max_size=10 << 20)

It may be ``async``; one that is not runs in a thread.

1. A prefix becomes part of policies, where ``*`` and ``?`` stand for anything: a user who may call
   himself ``*`` must not get everybody's objects.  Such a prefix is refused, never escaped: the
   language of policies has no escape.
2. A hook that fails grants nothing.
"""

import asyncio
import importlib
import inspect
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from ossia.appserver.config import AppConfig, ConfigError, directory_of

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_PREFIX_BYTES: Final = 512
"""Leaves room for names below it (a key has 1023 bytes) and for a session policy around it."""

_LIFETIMES_S: Final = range(900, 43_201)
"""STS documentation, "DurationSeconds"."""

_VARIABLE: Final = re.compile(r"x:[a-z0-9_.-]+", re.ASCII)
_MEDIA_TYPE: Final = re.compile(r"[\w!#$&^.+-]+/(?:\*|[\w!#$&^.+-]+)", re.ASCII)


class Refused(Exception):  # noqa: N818 - an answer, not a fault
    """The answer of a hook to somebody who may not upload: HTTP status and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class GrantError(ValueError):
    """A grant that cannot be given, which is a mistake in the hook."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What one user may do.  What is left out is what the server was started with.

    ``user`` names the session, for audit; the server writes it beside each upload.
    ``prefix`` is where his keys begin; ``key`` in a form is exactly this one key.
    ``content_types`` are types such as ``image/png``, or one family ``image/*``.
    ``callback_variables`` are told to the application whatever the form says: ``{"x:user": "7"}``.
    ``fields`` are further form fields; a form that does not carry them as they stand is refused.
    ``duration_s`` is for tokens, ``form_lifetime_s`` for forms.
    """

    user: str = ""
    prefix: str | None = None
    key: str | None = None
    min_size: int = 0
    max_size: int | None = None
    content_types: tuple[str, ...] = ()
    callback_url: str | None = None
    callback_variables: Mapping[str, str] = field(default_factory=dict)
    fields: Mapping[str, str] = field(default_factory=dict)
    duration_s: int | None = None
    form_lifetime_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """A grant with the server's settings filled in, checked."""

    user: str
    prefix: str
    key: str | None
    min_size: int
    max_size: int
    content_types: tuple[str, ...]
    callback_url: str
    callback_variables: Mapping[str, str]
    fields: Mapping[str, str]
    duration_s: int
    form_lifetime_s: int


Hook = Callable[["Request"], Grant | Awaitable[Grant]]


async def ask(hook: Hook, request: "Request") -> Grant:
    """What *hook* grants.  Raises what it raises, and `GrantError` for any other answer."""
    if inspect.iscoroutinefunction(hook):
        found: Any = await hook(request)
    else:
        found = await asyncio.to_thread(hook, request)
        if inspect.isawaitable(found):
            found = await found
    if not isinstance(found, Grant):
        raise GrantError(f"the hook returned {type(found).__name__}, not a Grant")
    return found


def bounds_of(config: AppConfig, grant: Grant) -> Bounds:
    """*grant* within *config*.  Raises `GrantError`."""
    prefix = config.directory if grant.prefix is None else _checked_prefix(grant.prefix)
    max_size = config.max_size if grant.max_size is None else grant.max_size
    duration_s = config.keys.token_lifetime_s if grant.duration_s is None else grant.duration_s
    lifetime_s = config.form_lifetime_s if grant.form_lifetime_s is None else grant.form_lifetime_s
    if not 0 <= grant.min_size <= max_size:
        raise GrantError(f"sizes from {grant.min_size} to {max_size} are no range")
    if duration_s not in _LIFETIMES_S:
        raise GrantError(f"duration_s is {duration_s}; STS lends for 900 to 43200 seconds")
    if lifetime_s < 1:
        raise GrantError(f"form_lifetime_s is {lifetime_s}")
    if grant.key is not None and not grant.key.startswith(prefix):
        raise GrantError(f"key {grant.key!r} does not begin with {prefix!r}")
    if grant.key is not None and "${" in grant.key:
        raise GrantError(f"key {grant.key!r} holds a placeholder")
    return Bounds(
        user=grant.user,
        prefix=prefix,
        key=grant.key,
        min_size=grant.min_size,
        max_size=max_size,
        content_types=_checked_types(grant.content_types),
        callback_url=grant.callback_url or config.callback_url,
        callback_variables=_checked_variables(grant.callback_variables),
        fields=dict(grant.fields),
        duration_s=duration_s,
        form_lifetime_s=lifetime_s,
    )


def _checked_prefix(given: str) -> str:
    if any(mark in given for mark in ("*", "?", "$", "\\")) or not given.isprintable():
        raise GrantError(f"prefix {given!r} holds a character that policies read as a pattern")
    # A user whose name is empty, or "..", must not get what is everybody's.
    if any(part in ("", ".", "..") for part in given.removesuffix("/").split("/")):
        raise GrantError(f"prefix {given!r} is empty or has an empty part, '.' or '..'")
    if len(given.encode()) > MAX_PREFIX_BYTES:
        raise GrantError(f"prefix {given[:40]!r}... is longer than {MAX_PREFIX_BYTES} bytes")
    return directory_of(given)


def _checked_types(given: tuple[str, ...]) -> tuple[str, ...]:
    for name in given:
        if not _MEDIA_TYPE.fullmatch(name):
            raise GrantError(f"content type {name!r} does not look like image/png or image/*")
    if len(given) > 1 and any(name.endswith("/*") for name in given):
        raise GrantError("content_types are types, or one family such as image/*, not both")
    return given


def _checked_variables(given: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in given.items():
        if not _VARIABLE.fullmatch(name):
            raise GrantError(f"callback variable {name!r} does not look like x:user")
        if not isinstance(value, str):
            raise GrantError(f"callback variable {name} is not a text")
    return dict(given)


def load_hook(text: str) -> Hook:
    """The function that ``module:function`` names.  Raises `ConfigError`.

    Modules of the working directory are found, as those of ASGI servers are.
    """
    module_name, colon, name = text.partition(":")
    if not (colon and module_name and name):
        raise ConfigError(
            f"--hook {text!r} is not MODULE:FUNCTION, for example uploads:may_upload."
        )
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found: object = importlib.import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except ImportError as error:
        raise ConfigError(f"--hook {text}: {error}; start where the module is found.") from error
    except AttributeError as error:
        raise ConfigError(f"--hook {text}: {module_name} has no {name}.") from error
    except Exception as error:
        raise ConfigError(f"--hook {text}: {module_name} fails when imported: {error!r}") from error
    if not callable(found):
        raise ConfigError(f"--hook {text}: {name} is not a function.")
    return found
