"""What authorization may ask about a request: conditions, the bucket's policy, ACLs.

Nothing is computed that no policy asks for; the tags of an object cost a look-up.

What the client says counts only where the operation acts on it: a ``prefix`` on a GetObject must
not satisfy a condition that is meant for listings.
"""

from collections.abc import Callable, Sequence
from typing import Final

from ossia.access.at_bucket import AtBucket
from ossia.access.authorize import Context
from ossia.api.call import Call
from ossia.api.oss.fields import sent_tags
from ossia.errors import OssError
from ossia.protocol.conditions import TAG_KEYS
from ossia.protocol.dates import format_iso_seconds
from ossia.protocol.header_text import decode_header
from ossia.protocol.object_tags import MAX_TAGGING, parse_tagging, parse_tags
from ossia.protocol.policy_text import VARIABLES

_REQUEST_TAG = TAG_KEYS[-1]
_LISTINGS: Final = frozenset(
    {"oss:ListObjects", "oss:ListObjectVersions", "oss:ListMultipartUploads", "oss:ListBuckets"}
)
_SETS_BUCKET_ACL: Final = frozenset({"oss:PutBucket", "oss:PutBucketAcl"})
_SETS_OBJECT_ACL: Final = frozenset(
    {"oss:PutObject", "oss:PutObjectAcl", "oss:PutObjectVersionAcl"}
)
_SETS_TAGS: Final = frozenset(
    {"oss:PutObject", "oss:PutObjectTagging", "oss:PutObjectVersionTagging"}
)
_NOTHING: Final[tuple[str, ...]] = ()


class Surroundings(AtBucket, frozen=True):
    """One action on one resource, as `access.authorize` looks around it."""

    call: Call
    action: str

    async def context(self, keys: frozenset[str]) -> Context:
        """What the request has under these condition keys."""
        context: dict[str, Sequence[str]] = {}
        for key in keys:
            read = _READERS.get(key)
            if read is not None:
                context[key] = read(self.call, self.action)
        if any(key.startswith(TAG_KEYS) for key in keys):
            context.update(await self.tags(keys))
            if any(key.startswith(_REQUEST_TAG) for key in keys):
                context.update(await _request_tags(self.call, self.action))
        return context


async def _request_tags(call: Call, action: str) -> dict[str, Sequence[str]]:
    if action not in _SETS_TAGS or call.form is not None:
        return {}
    # PutObjectTagging has them in its document, which is read before its time for that.
    is_document = call.http.method == b"PUT" and "tagging" in call.query
    content = await call.document(MAX_TAGGING) if is_document else b""
    try:
        tags = parse_tagging(content) if is_document else parse_tags(sent_tags(call) or "")
    except OssError:
        # The operation will refuse them.
        return {}
    return {_REQUEST_TAG + name: (value,) for name, value in tags.items()}


def _query(name: str) -> Callable[[Call, str], Sequence[str]]:
    def read(call: Call, action: str) -> Sequence[str]:
        # A listing without a prefix has an empty one.
        return (call.query.get(name, ""),) if action in _LISTINGS else _NOTHING

    return read


def _bucket_acl(call: Call, action: str) -> Sequence[str]:
    raw = call.http.headers.get(b"x-oss-acl") if action in _SETS_BUCKET_ACL else None
    return (decode_header(raw),) if raw else _NOTHING


def _object_acl(call: Call, action: str) -> Sequence[str]:
    acl = asked_object_acl(call) if action in _SETS_OBJECT_ACL else None
    return _NOTHING if acl is None else (acl,)


def asked_object_acl(call: Call) -> str | None:
    """The ACL that the request wants an object to have: of a form, the field wins."""
    if call.form is not None and "x-oss-object-acl" in call.form.fields:
        return call.form.fields["x-oss-object-acl"]
    raw = call.http.headers.get(b"x-oss-object-acl")
    return decode_header(raw) if raw else None


def _user_agent(call: Call, _action: str) -> Sequence[str]:
    raw = call.http.headers.get(b"user-agent")
    return _NOTHING if raw is None else (raw.decode("latin-1"),)


def _about_caller(key: str) -> Callable[[Call, str], Sequence[str]]:
    return lambda call, _action: call.caller.facts.get(key, _NOTHING)


_READERS: Final[dict[str, Callable[[Call, str], Sequence[str]]]] = {
    "acs:SourceIp": lambda call, _action: (call.http.peer,),
    # No request comes from a VPC.  Documented policies rely on that being an empty name, and not
    # the absence of one: StringLike "*" means "from anywhere".
    "acs:SourceVpc": lambda _call, _action: ("",),
    "acs:UserAgent": _user_agent,
    "acs:CurrentTime": lambda call, _action: (format_iso_seconds(call.now_ms),),
    "acs:SecureTransport": lambda call, _action: ("true" if call.http.secure else "false",),
    "acs:MFAPresent": lambda _call, _action: ("false",),
    **{key: _about_caller(key) for key in VARIABLES},
    "oss:Prefix": _query("prefix"),
    "oss:Delimiter": _query("delimiter"),
    "oss:x-oss-acl": _bucket_acl,
    "oss:x-oss-object-acl": _object_acl,
}
"""How the value of each condition key is read off a request."""
