"""Callback policies of a bucket: named callbacks that uploads refer to by ``callbackPolicy``.

The XML and its shape; whether each callback is one that an upload could carry is asked of
`callback.decode_callback`.  Source: callback.md, 9.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

from ossia.errors import InvalidArgument, MalformedXML
from ossia.protocol.xml import document, parse, tag

MAX_POLICIES = 100
MAX_BYTES = 64 * 1024
"""Our bound: the policies lie in the bucket's record, which every request reads."""
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}\Z")


@dataclass(frozen=True, slots=True)
class CallbackPolicy:
    """One policy: the Base64 texts that an upload would carry; ``variables`` may be empty."""

    name: str
    callback: str
    variables: str


def parse_callback_policies(content: bytes) -> tuple[CallbackPolicy, ...]:
    """Read ``<BucketCallbackPolicy>``.  Raises `MalformedXML` or `InvalidArgument`.

    No policy at all is accepted: the tests of oss2 and of the Java SDK put an empty list.
    """
    policies = tuple(
        CallbackPolicy(
            _name(element.get("PolicyName")),
            element.get("Callback").strip(),
            element.get("CallbackVar").strip(),
        )
        for element in parse(content, "BucketCallbackPolicy").all("PolicyItem")
    )
    if len(policies) > MAX_POLICIES:
        raise MalformedXML(ErrorDetail=f"There must be at most {MAX_POLICIES} PolicyItem elements.")
    names = [policy.name for policy in policies]
    for name in names:
        if names.count(name) > 1:
            raise InvalidArgument(
                "Two callback policies have the same name.",
                ArgumentName="PolicyName",
                ArgumentValue=name,
            )
    return policies


def _name(text: str) -> str:
    name = text.strip()
    if not _NAME.match(name):
        raise InvalidArgument(
            "A callback policy needs a name of 1 to 128 characters.",
            ArgumentName="PolicyName",
            ArgumentValue=name[:256],
        )
    return name


def render_callback_policies(policies: tuple[CallbackPolicy, ...]) -> bytes:
    """Write ``<BucketCallbackPolicy>``."""
    return document(
        "BucketCallbackPolicy",
        *(
            f"<PolicyItem>{tag('PolicyName', policy.name)}{tag('Callback', policy.callback)}"
            f"{tag('CallbackVar', policy.variables)}</PolicyItem>"
            for policy in policies
        ),
    )


@lru_cache(maxsize=512)
def stored_callback_policies(content: bytes) -> Mapping[str, tuple[str, str]]:
    """What `render_callback_policies` stored: name → (callback, callback-var)."""
    return MappingProxyType(
        {
            policy.name: (policy.callback, policy.variables)
            for policy in parse_callback_policies(content)
        }
    )
