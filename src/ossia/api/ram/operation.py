"""What an operation of RAM is: one function, whose signature is its declaration.

    @ram.operation("user/{user_name}")
    async def get_user(call: Call, user_name: UserName) -> Fields:
        \"\"\"Describe a user.\"\"\"

From it come the name (``GetUser``), the parameters (``UserName``, mandatory; a default makes one
optional), what they may look like (the annotation), the policy action (``ram:GetUser``), the
resources that it is asked for, and the row of the documentation.
"""

import inspect
import re
import types
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Concatenate, Final, ParamSpec, TypeVar, get_args, get_type_hints

from ossia.domain.identity.federation import Federation
from ossia.domain.identity.identities import Caller, CallerKind, Identities
from ossia.domain.identity.permission import permits
from ossia.domain.identity.ram.parameters import (
    ACCESS_KEY_ID,
    CLIENT_ID,
    COMMENTS,
    DESCRIPTION,
    DISPLAY_NAME,
    DOCUMENT,
    EMAIL,
    FINGERPRINT,
    GROUP_NAME,
    MOBILE_PHONE,
    POLICY_NAME,
    PROVIDER_NAME,
    ROLE_NAME,
    SESSION_SECONDS,
    USER_NAME,
    VERSION_ID,
    Choice,
    Flag,
    Parameter,
    Text,
    Whole,
    Words,
)
from ossia.domain.identity.ram.refusals import NOT_PERMITTED, missing
from ossia.domain.identity.store import Draft, View
from ossia.errors import RpcError
from ossia.protocol.conditions import Context

RAM_VERSION: Final = "2015-05-01"
IMS_VERSION: Final = "2019-08-15"

Fields = Mapping[str, Any]
"""An answer: texts, numbers, truth values, further fields, and lists of fields."""

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Own:
    """Marks the user whom a caller need not name if it is himself."""


UserName = Annotated[str, USER_NAME]
OwnUserName = Annotated[str, USER_NAME, Own]
GroupName = Annotated[str, GROUP_NAME]
RoleName = Annotated[str, ROLE_NAME]
PolicyName = Annotated[str, POLICY_NAME]
ProviderName = Annotated[str, PROVIDER_NAME]
DisplayName = Annotated[str, DISPLAY_NAME]
MobilePhone = Annotated[str, MOBILE_PHONE]
Email = Annotated[str, EMAIL]
Comments = Annotated[str, COMMENTS]
Description = Annotated[str, DESCRIPTION]
ProviderDescription = Annotated[str, Text(256)]
Document = Annotated[str, DOCUMENT]
AccessKeyId = Annotated[str, ACCESS_KEY_ID]
KeyStatus = Annotated[str, Choice(("Active", "Inactive"))]
PolicyType = Annotated[str, Choice(("System", "Custom"))]
VersionId = Annotated[str, VERSION_ID]
Rotation = Annotated[str, Choice(("None", "DeleteOldestNonDefaultVersionWhenLimitExceeded"))]
SessionSeconds = Annotated[int, SESSION_SECONDS]
YesOrNo = Annotated[bool, Flag()]
Marker = Annotated[str, Text(256)]
UpTo100 = Annotated[int, Whole(1, 100)]
UpTo1000 = Annotated[int, Whole(1, 1000)]
IssuerUrl = Annotated[str, Text(255)]
ClientId = Annotated[str, CLIENT_ID]
ClientIds = Annotated[tuple[str, ...], Words(CLIENT_ID)]
Fingerprints = Annotated[tuple[str, ...], Words(FINGERPRINT)]
IssuanceHours = Annotated[int, Whole(1, 168)]


@dataclass(frozen=True, slots=True)
class Call:
    """One request whose parameters are read and permitted."""

    caller: Caller
    identities: Identities
    federation: Federation

    @property
    def account_id(self) -> str:
        """The account that is asked about: there is one."""
        return self.identities.account_id

    def view(self) -> View:
        """Identities as they are stored now."""
        return self.identities.store.view()

    async def change(
        self,
        function: Callable[Concatenate[Draft, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What *function* returns when what it changed is stored."""
        return await self.identities.store.change(function, *args, **kwargs)


@dataclass(frozen=True, slots=True)
class Accepted:
    """One parameter of an operation."""

    argument: str
    name: str
    parameter: Parameter
    is_mandatory: bool
    is_own: bool


@dataclass(frozen=True, slots=True)
class Operation:
    """The record of an operation."""

    name: str
    version: str
    accepted: tuple[Accepted, ...]
    resources: tuple[str, ...]
    handler: Callable[..., Awaitable[Fields]]
    summary: str

    @property
    def action(self) -> str:
        """What a policy must allow."""
        return f"ram:{self.name}"

    @property
    def always_asked(self) -> list[str]:
        """Those of the resources that every request names."""
        given = {each.argument for each in self.accepted if each.is_mandatory}
        return [each for each in self.resources if given.issuperset(_named_in(each))]

    async def run(self, call: Call, parameters: Mapping[str, str], context: Context) -> Fields:
        """Read, permit, and do it.  Raises `RpcError`."""
        arguments = self._read(call.caller, parameters)
        for resource in self._resources(call.account_id, arguments):
            if not permits(call.caller, self.action, resource, context):
                raise RpcError(403, "NoPermission", NOT_PERMITTED)
        return await self.handler(call, **arguments)

    def _read(self, caller: Caller, parameters: Mapping[str, str]) -> dict[str, Any]:
        arguments: dict[str, Any] = {}
        for each in self.accepted:
            text = parameters.get(each.name, "")
            if text:
                arguments[each.argument] = each.parameter.read(each.name, text)
            elif each.is_own and caller.kind is CallerKind.USER:
                arguments[each.argument] = caller.name
            elif each.is_mandatory:
                raise missing(each.name)
        return arguments

    def _resources(self, account_id: str, arguments: Mapping[str, Any]) -> list[str]:
        # A resource that only an optional parameter names is asked for where that is given.
        named = [
            resource.format_map(arguments)
            for resource in self.resources
            if all(name in arguments for name in _named_in(resource))
        ]
        # A system policy belongs to nobody's account.
        of_system = arguments.get("policy_type") == "System"
        owners = {"policy": "system"} if of_system else {}
        return [
            f"acs:ram::{owners.get(name.partition('/')[0], account_id)}:{name}" for name in named
        ]


class Registry:
    """The operations of RAM."""

    def __init__(self) -> None:
        self.operations: dict[tuple[str, str], Operation] = {}

    def operation(
        self, *resources: str, version: str = RAM_VERSION
    ) -> Callable[[Callable[..., Awaitable[Fields]]], Callable[..., Awaitable[Fields]]]:
        """Register a handler; *resources* are asked for, with arguments in braces."""

        def register(handler: Callable[..., Awaitable[Fields]]) -> Callable[..., Awaitable[Fields]]:
            operation = Operation(
                name=_wire_name(handler.__name__),
                version=version,
                accepted=_accepted(handler),
                resources=resources,
                handler=handler,
                summary=inspect.getdoc(handler) or "",
            )
            _check_resources(operation)
            place = (version, operation.name)
            if place in self.operations:
                raise TypeError(f"{operation.name} is registered twice")
            self.operations[place] = operation
            return handler

        return register


def _check_resources(operation: Operation) -> None:
    """Raise where nothing might be asked: such an operation would be open to everybody."""
    known = {each.argument for each in operation.accepted}
    named = {name for each in operation.resources for name in _named_in(each)}
    if not operation.always_asked or not named <= known:
        raise TypeError(f"{operation.name} has resources that no request names")


def _named_in(resource: str) -> list[str]:
    return _PLACEHOLDER.findall(resource)


def _accepted(handler: Callable[..., Any]) -> tuple[Accepted, ...]:
    hints = get_type_hints(handler, include_extras=True)
    return tuple(
        _accept(name, hints[name], is_mandatory=argument.default is inspect.Parameter.empty)
        for name, argument in list(inspect.signature(handler).parameters.items())[1:]
    )


def _accept(name: str, hint: Any, *, is_mandatory: bool) -> Accepted:
    if isinstance(hint, types.UnionType) or not hasattr(hint, "__metadata__"):
        hint = next(each for each in get_args(hint) if hasattr(each, "__metadata__"))
    markers = hint.__metadata__
    return Accepted(name, _wire_name(name), markers[0], is_mandatory, Own in markers)


_PLACEHOLDER: Final = re.compile(r"\{(\w+)\}")
_WORDS: Final = {"oidc": "OIDC"}


def _wire_name(name: str) -> str:
    return "".join(_WORDS.get(word) or word.capitalize() for word in name.split("_"))


ram = Registry()
