"""Whether the versions of a bucket can be retained (ObjectWorm), and how new ones are: put, get."""

from dataclasses import dataclass
from typing import Annotated, Final

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.objects.retention import DefaultRetention, Mode, ObjectWorm
from ossia.errors import InvalidRequest, MalformedXML, NoSuchBucket, NoSuchWORMConfiguration
from ossia.protocol.decimals import is_decimal
from ossia.protocol.xml import Element, document, parse, tag

_ROOT: Final = "ObjectWormConfiguration"
_MAX_BYTES: Final = 16 * 1024
_MAX_DIGITS: Final = 9
_MOST: Final = {"Days": 36_500, "Years": 100}
"""Go SDK v2, ObjectWormConfigurationRuleDefaultRetention."""


def _parse_object_worm(content: bytes) -> ObjectWorm:
    root = parse(content, _ROOT)
    if root.get("ObjectWormEnabled") != "Enabled":
        raise _malformed("ObjectWormEnabled must be Enabled.")
    rule = root.find("Rule")
    default = None if rule is None else rule.find("DefaultRetention")
    return ObjectWorm(default=None if default is None else _parse_default(default))


def _parse_default(default: Element) -> DefaultRetention:
    mode = default.get("Mode")
    if mode not in set(Mode):
        raise _malformed("Mode must be COMPLIANCE or GOVERNANCE.")
    periods = {name: _period(found, name) for name in _MOST if (found := default.find(name))}
    if len(periods) != 1:
        raise _malformed("There must be either Days or Years.")
    return DefaultRetention(mode=mode, days=periods.get("Days", 0), years=periods.get("Years", 0))


def _period(found: Element, name: str) -> int:
    text = found.text.strip()
    if not is_decimal(text, _MAX_DIGITS) or not 1 <= int(text) <= _MOST[name]:
        raise _malformed(f"{name} must be between 1 and {_MOST[name]}.")
    return int(text)


def _malformed(detail: str) -> MalformedXML:
    return MalformedXML(ec="0015-00000231", ErrorDetail=detail)


@dataclass(slots=True, kw_only=True)
class PutBucketObjectWormConfiguration:
    bucket: BucketInPath
    worm: Annotated[ObjectWorm, Document(_parse_object_worm, _MAX_BYTES)]


@dataclass(slots=True, kw_only=True)
class PutBucketObjectWormConfigurationResult(Answer):
    pass


@oss.operation(
    "PUT", Scope.BUCKET, query=["objectWorm"], errors=(NoSuchBucket, MalformedXML, InvalidRequest)
)
async def put_bucket_object_worm_configuration(
    call: Call, request: PutBucketObjectWormConfiguration
) -> PutBucketObjectWormConfigurationResult:
    """Let the versions of a bucket be retained, for good, and new ones by this default."""
    await call.services.worms.enable_objects(call.bucket, request.worm)
    return PutBucketObjectWormConfigurationResult()


@dataclass(slots=True, kw_only=True)
class GetBucketObjectWormConfiguration:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketObjectWormConfigurationResult(Answer):
    worm: ObjectWorm

    def body(self, call: Call) -> bytes:
        del call
        default = self.worm.default
        rule = ""
        if default is not None:
            period = tag("Days", default.days) if default.days else tag("Years", default.years)
            inner = f"<DefaultRetention>{tag('Mode', default.mode)}{period}</DefaultRetention>"
            rule = f"<Rule>{inner}</Rule>"
        return document(_ROOT, tag("ObjectWormEnabled", "Enabled"), rule)


@oss.operation(
    "GET", Scope.BUCKET, query=["objectWorm"], errors=(NoSuchBucket, NoSuchWORMConfiguration)
)
async def get_bucket_object_worm_configuration(
    call: Call, request: GetBucketObjectWormConfiguration
) -> GetBucketObjectWormConfigurationResult:
    """Tell that versions of a bucket can be retained, and how new ones are."""
    del request
    return GetBucketObjectWormConfigurationResult(worm=call.services.worms.of_objects(call.bucket))
