"""How callbacks of one bucket are made: what they guarantee, and what is added to them.

Beyond OSS; a bucket without terms of its own follows the server's settings.
"""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.domain.callbacks.upload_callback import DOCUMENT, CallbackTerms, Mode, terms_of
from ossia.records import Bucket


class GetCallbackTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str


class PutCallbackTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str
    mode: Annotated[Mode, Meta(description="oss, outbox or commit-on-200")] = Mode.OSS
    webhooks: Annotated[bool, Meta(description="Sign as Standard Webhooks, too")] = False
    traceparent: Annotated[bool, Meta(description="Pass the upload's W3C trace on")] = False


class DeleteCallbackTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    bucket: str


class ShownTerms(msgspec.Struct, frozen=True, kw_only=True):
    """What applies to uploads from now on."""

    mode: Mode
    webhooks: bool
    traceparent: bool
    own: Annotated[bool, Meta(description="Whether the bucket has terms of its own")]


async def _about_bucket(services: AdminServices, request: Any) -> Subject:
    return Subject(request.bucket, "*", await services.buckets.peek(request.bucket))


def _shown(call: AdminCall, bucket: Bucket) -> ShownTerms:
    terms = terms_of(bucket, call.services.callback_terms)
    return ShownTerms(
        mode=terms.mode,
        webhooks=terms.webhooks,
        traceparent=terms.traceparent,
        own=DOCUMENT in bucket.documents,
    )


@admin.route(
    "GET", "/buckets/{bucket}/callbacks", action="ossia:GetCallbackTerms", about=_about_bucket
)
async def get_callback_terms(call: AdminCall, request: GetCallbackTerms) -> ShownTerms:
    """Tell what the callbacks of a bucket guarantee."""
    return _shown(call, await call.services.buckets.find(request.bucket))


@admin.route(
    "PUT", "/buckets/{bucket}/callbacks", action="ossia:PutCallbackTerms", about=_about_bucket
)
async def put_callback_terms(call: AdminCall, request: PutCallbackTerms) -> ShownTerms:
    """Give a bucket terms of its own; what is left out is as in the real service."""
    buckets = call.services.buckets
    terms = CallbackTerms(
        mode=request.mode, webhooks=request.webhooks, traceparent=request.traceparent
    )
    bucket = await buckets.find(request.bucket)
    return _shown(call, await buckets.set_document(bucket, DOCUMENT, msgspec.json.encode(terms)))


@admin.route(
    "DELETE", "/buckets/{bucket}/callbacks", action="ossia:PutCallbackTerms", about=_about_bucket
)
async def delete_callback_terms(call: AdminCall, request: DeleteCallbackTerms) -> ShownTerms:
    """Let a bucket follow the server's settings again."""
    buckets = call.services.buckets
    bucket = await buckets.find(request.bucket)
    return _shown(call, await buckets.set_document(bucket, DOCUMENT, None))
