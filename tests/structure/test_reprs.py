"""Issue 10, D9: no record shows a secret, whoever prints it: a log line, a traceback, a debugger."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import ossia
from ossia.domain.identity.sessions import Session
from ossia.records import AccessKey, SealingKey, SealingKeys

MARK = "M4rk3dS3cr3t"
SECRET = re.compile(
    r"secret|token$|password|signature|provided|string_to_sign|canonical_request|private|cipher|^_key$|^headers$|^query$|^target$"
)
SECRET_OF = {
    "SealingKey": {"key"},
    "IdentityChange": {"record"},
    "RpcRequest": {"body"},
    "RpcAnswer": {"body"},
    "Response": {"body"},
}
"""Fields that hold secrets under names that elsewhere hold none."""
PLAIN = {
    ("PutSymlink", "target"): "the key of an object",
    ("ListObjectsV2", "token"): "where a listing goes on",
    ("ListObjectsV2", "after_token"): "the same",
    ("AssumedRole", "token"): "what an OIDC token said, without the token",
    ("CallbackDetail", "signature"): "what is wrong with a signature",
    ("CallbackDetail", "headers"): "a callback of ours, as whoever may read the log sees it",
    ("Delivery", "headers"): "the same: signed with a key that everybody can check",
    ("CallbackAttempt", "headers"): "the same",
    ("CallbackAttempt", "target"): "of an application's URL",
    ("Arrived", "target"): "the same",
    ("Received", "target"): "the same",
    ("ShownSignature", "string_to_sign"): "of a callback: what receivers compute themselves",
    ("CallbackAnswer", "headers"): "an application's answer",
    ("CallbackUrl", "query"): "a part of a URL that the uploader wrote",
    ("CorsRule", "headers"): "names of headers",
    ("StoredObject", "headers"): "what is replayed to every reader",
    ("ClassChange", "headers"): "the same",
    ("Upload", "headers"): "the same",
    ("Attributes", "headers"): "the same",
    ("Response", "headers"): "an answer's",
    ("Reply", "headers"): "an answer's",
    ("Arrived", "headers"): "a callback's, to be printed",
    ("Received", "headers"): "a callback's, in a test's inbox",
    ("Answer", "headers"): "of an answer that a test asks for",
    ("Settings", "tls_key"): "the name of a file",
}  # fmt: skip


def records() -> Iterator[type[Any]]:
    seen = set()
    for found in pkgutil.walk_packages(ossia.__path__, "ossia."):
        if found.name.endswith("__main__"):
            continue
        module = importlib.import_module(found.name)
        for each in vars(module).values():
            if inspect.isclass(each) and each.__module__ == found.name and each not in seen:
                seen.add(each)
                if fields_of(each):
                    yield each


def fields_of(record: type[Any]) -> list[str]:
    if dataclasses.is_dataclass(record):
        return [each.name for each in dataclasses.fields(record)]
    if issubclass(record, msgspec.Struct):
        return list(record.__struct_fields__)
    return list(getattr(record, "_fields", ())) if issubclass(record, tuple) else []


def filled(record: type[Any], values: dict[str, Any]) -> Any:
    """An instance that no constructor has looked at."""
    if issubclass(record, msgspec.Struct | tuple):
        return record(**values)
    made = object.__new__(record)
    for name, value in values.items():
        object.__setattr__(made, name, value)
    return made


RECORDS = list(records())


def test_there_are_many() -> None:
    assert len(RECORDS) > 150
    assert {"AccessKey", "Session", "NodeKeys", "Credentials"} <= {r.__name__ for r in RECORDS}


@pytest.mark.parametrize("record", RECORDS, ids=lambda each: each.__qualname__)
def test_d9_no_record_shows_its_secrets(record: type[Any]) -> None:
    name = record.__name__
    values: dict[str, Any] = {}
    for field in fields_of(record):
        hidden = field in SECRET_OF.get(name, ()) or SECRET.search(field)
        values[field] = MARK if hidden and (name, field) not in PLAIN else "plain"
    if name == "Settings":
        values = {each.name: each.default for each in dataclasses.fields(record)}
        values["root_access_key_secret"] = type(values["root_access_key_secret"])(MARK)
    made = filled(record, values)
    for shown in (repr(made), f"{made}", f"{[made]}", f"{made!r:>9}"):
        assert MARK not in shown
    rich = getattr(made, "__rich_repr__", None)
    if rich is not None:
        assert MARK not in repr(list(rich()))


def test_d9_records_with_secrets_still_say_what_they_are() -> None:
    key = AccessKey(id="LTAI1", secret=MARK, user_name="u")
    assert repr(key) == (
        "AccessKey(id='LTAI1', secret=***, user_name='u', active=True, created_at=0)"
    )
    keys = SealingKeys(keys=(SealingKey(number=1, key=MARK.encode(), made_at=2),))
    assert "number=1" in repr(keys)
    assert MARK not in repr(keys)
    session = Session(
        access_key_id="STS.1", access_key_secret=MARK, account_id="1", role_id="2", role_name="r",
        name="eric", policy="", expires_at=3,
    )  # fmt: skip
    assert "STS.1" in repr(session)
    # What is stored and sealed does hold it.
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(session), type=Session) == session
    assert MARK.encode() in msgspec.msgpack.encode(key)


def test_d9_every_exception_to_the_rule_is_a_field() -> None:
    fields = {(each.__name__, field) for each in RECORDS for field in fields_of(each)}
    assert set(PLAIN) <= fields
    assert {(name, field) for name, some in SECRET_OF.items() for field in some} <= fields
