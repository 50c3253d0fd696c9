"""How a bucket encrypts what says nothing itself: put, get, delete."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.registry import oss
from ossia.domain.objects.encryption import DOCUMENT, default_rule
from ossia.errors import (
    InvalidArgument,
    InvalidEncryptionAlgorithmError,
    MalformedXML,
    NoSuchBucket,
    NoSuchServerSideEncryptionRule,
)
from ossia.protocol.encryption_rule import EncryptionRule, pack_rule, parse_rule, rule_xml
from ossia.protocol.xml import document


@dataclass(slots=True, kw_only=True)
class PutBucketEncryption:
    bucket: BucketInPath
    rule: Annotated[EncryptionRule, Document(parse_rule, 64 * 1024)]


@dataclass(slots=True, kw_only=True)
class PutBucketEncryptionResult(Answer):
    pass


@oss.operation(
    "PUT",
    Scope.BUCKET,
    query=["encryption"],
    errors=(NoSuchBucket, MalformedXML, InvalidArgument, InvalidEncryptionAlgorithmError),
)
async def put_bucket_encryption(
    call: Call, request: PutBucketEncryption
) -> PutBucketEncryptionResult:
    """Encrypt what is written from now on, unless it says something else itself."""
    await call.services.buckets.set_document(call.bucket, DOCUMENT, pack_rule(request.rule))
    return PutBucketEncryptionResult()


@dataclass(slots=True, kw_only=True)
class GetBucketEncryption:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class GetBucketEncryptionResult(Answer):
    rule: EncryptionRule

    def body(self, call: Call) -> bytes:
        del call
        name = "ApplyServerSideEncryptionByDefault"
        return document("ServerSideEncryptionRule", f"<{name}>{rule_xml(self.rule)}</{name}>")


@oss.operation(
    "GET",
    Scope.BUCKET,
    query=["encryption"],
    errors=(NoSuchBucket, NoSuchServerSideEncryptionRule),
)
async def get_bucket_encryption(
    call: Call, request: GetBucketEncryption
) -> GetBucketEncryptionResult:
    """Tell how a bucket encrypts by default."""
    rule = default_rule(call.bucket)
    if rule is None:
        raise NoSuchServerSideEncryptionRule(BucketName=request.bucket)
    return GetBucketEncryptionResult(rule=rule)


@dataclass(slots=True, kw_only=True)
class DeleteBucketEncryption:
    bucket: BucketInPath


@dataclass(slots=True, kw_only=True)
class DeleteBucketEncryptionResult(Answer):
    status = 204


@oss.operation("DELETE", Scope.BUCKET, query=["encryption"], errors=(NoSuchBucket,))
async def delete_bucket_encryption(
    call: Call, request: DeleteBucketEncryption
) -> DeleteBucketEncryptionResult:
    """Encrypt nothing by default; what is encrypted stays so."""
    del request
    await call.services.buckets.set_document(call.bucket, DOCUMENT, None)
    return DeleteBucketEncryptionResult()
