"""The admin API as the command line asks it: whose keys, which server, what went wrong.

Over HTTP only, as anybody else: nothing of the server is imported.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ossia.client.signing_client import Reply, SigningClient
from ossia.commands.access_options import Access, access_options
from ossia.settings import SettingsError

_TIMEOUT_S: Final = 150
"""A replay goes to five URLs at most, and an application may be given long."""
_OK: Final = 200
_FORBIDDEN: Final = 403
_REQUEST_ID: Final = "x-oss-request-id"
"""What every answer of Ossia has."""

_Command = Callable[..., Any]


class AdminRefusedError(SettingsError):
    """The server's refusal, as one line."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class UnreachableError(SettingsError):
    """There is no answer."""


@dataclass(frozen=True, slots=True)
class AdminServer:
    """A server to ask."""

    client: SigningClient

    def get(self, path: str, method: str = "GET", /, **query: object) -> Any:
        """The answer to a question; values that are None are left out."""
        pairs = [(name, _text(value)) for name, value in query.items() if value is not None]
        return self._answer(method, path, pairs, b"")

    def rows(self, path: str, name: str, /, **query: object) -> Iterator[Any]:
        """Every row that a listing has under *name*, page after page."""
        after: str | None = None
        while True:
            page = self.get(path, after=after, **query)
            yield from page[name]
            after = page["next_after"]
            if after is None:
                return

    def post(self, path: str, method: str = "POST", /, **fields: object) -> Any:
        """The answer to a JSON object; values that are None are left out."""
        given = {name: value for name, value in fields.items() if value is not None}
        return self._answer(method, path, [], json.dumps(given).encode())

    def _answer(self, method: str, path: str, query: list[tuple[str, str]], body: bytes) -> Any:
        try:
            reply = self.client.request(method, "-", f"api/{path}", query=query, body=body)
        except OSError as error:
            raise UnreachableError(
                f"No server answers at {self.client.endpoint} ({error}): start it with "
                "`ossia serve`, or name it with --endpoint."
            ) from error
        if reply.status != _OK or _REQUEST_ID not in reply.headers:
            raise _refusal(reply, self.client.endpoint)
        return json.loads(reply.body)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _refusal(reply: Reply, endpoint: str) -> SettingsError:
    try:
        error = json.loads(reply.body)["error"]
        code, message = error["code"], error["message"]
        details: Mapping[str, str] = error.get("details", {})
    except (ValueError, KeyError, TypeError):
        return SettingsError(
            f"{endpoint} answers {reply.status} and has no admin API of Ossia: check --endpoint."
        )
    remedy = ""
    if code == "AccessDenied" and "AuthAction" in details:
        remedy = f" A policy must allow {details['AuthAction']} on {details['Resource']}."
    elif reply.status == _FORBIDDEN:
        remedy = " Check --access-key-id and --access-key-secret, or the folder of --data."
    return AdminRefusedError(reply.status, code, f"{message}{remedy}")


def server_of(access: Access) -> AdminServer:
    """The server that *access* names."""
    client = SigningClient(
        access.endpoint,
        access.access_key_id,
        access.secret,
        security_token=access.security_token,
        timeout_s=_TIMEOUT_S,
    )
    return AdminServer(client)


def server_options(command: _Command) -> _Command:
    """Give *command* the options that name a server; it receives ``server``."""

    def with_server(*, access: Access, **others: Any) -> Any:
        return command(server=server_of(access), **others)

    with_server.__name__ = command.__name__
    with_server.__doc__ = command.__doc__
    return access_options(with_server)
