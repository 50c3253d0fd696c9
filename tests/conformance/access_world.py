"""A server with identities, and a request for each operation: for tests of who may do what.

A new operation needs its request here, or the matrices fail.
"""

import asyncio
import base64
import json
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from model_requests import overwriting

from inside import node_inside
from ossia.api.operation import Operation
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient
from ossia.client.sts import assume_role
from ossia.domain.identity.sessions import Session
from ossia.protocol import signature_v1, signature_v4
from ossia.protocol.checksums import etag_to_content_md5, md5_hex
from ossia.protocol.dates import format_basic
from ossia.protocol.post_policy import build
from ossia.records import AccessKey, Role
from running import Server, running_server

FULL, WRITER = "full", "writer"
BOUNDARY = "b0undary"


def policy(*statements: tuple[str, str | list[str], str | list[str]]) -> str:
    """(effect, action, resource), …"""
    listed = [{"Effect": e, "Action": a, "Resource": r} for e, a, r in statements]
    return json.dumps({"Version": "1", "Statement": listed})


@dataclass(frozen=True)
class World:
    """A server of its own with identities: a user without policies, one who may assume roles."""

    server: Server
    nobody: AccessKey
    app: AccessKey
    expired: tuple[Session, str]

    @property
    def root(self) -> SigningClient:
        server = self.server
        return self.client(server.access_key_id, server.access_key_secret)

    def client(
        self, key_id: str, secret: str, token: str | None = None, version: int = 4
    ) -> SigningClient:
        return SigningClient(
            self.server.endpoint, key_id, secret, self.server.region, version, token
        )

    def session(
        self, role: str = FULL, allowed: str | None = None, version: int = 4
    ) -> SigningClient:
        """A role session, narrowed by a session policy."""
        given = assume_role(
            self.server.endpoint,
            access_key_id=self.app.id,
            secret=self.app.secret,
            role_arn=f"acs:ram::{self.server.account_id}:role/{role}",
            session_name="eric",
            policy=allowed,
        )
        return self.client(
            given.access_key_id, given.access_key_secret, given.security_token, version
        )


async def _prepare(folder: Path) -> tuple[AccessKey, AccessKey, tuple[Session, str]]:
    async with node_inside(folder) as (node, keys):
        trust = json.dumps(
            {
                "Version": "1",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Action": "sts:AssumeRole",
                        "Principal": {"RAM": [f"acs:ram::{keys.account_id}:root"]},
                    }
                ],
            }
        )
        them = node.identities
        for name in ("nobody", "app"):
            await them.create_user(name)
        await them.attach_to_user("AliyunSTSAssumeRoleAccess", "app")
        await them.create_policy(
            "write", policy(("Allow", "oss:PutObject", "acs:oss:*:*:*/user/*"))
        )
        roles: dict[str, Role] = {}
        for name, attached in ((FULL, "AliyunOSSFullAccess"), (WRITER, "write")):
            roles[name] = await them.create_role(name, trust)
            await them.attach_to_role(attached, name)
        expired = await node.sessions.issue(
            roles[FULL], account_id=keys.account_id, name="late", policy="", expires_at=1
        )
        return (
            await them.create_access_key("nobody"),
            await them.create_access_key("app"),
            expired,
        )


@contextmanager
def access_world(folder: Path) -> Iterator[World]:
    """A server of its own."""
    nobody, app, expired = asyncio.run(_prepare(folder))
    with running_server(folder, "--workers", "1") as server:
        yield World(server, nobody, app, expired)


# --- a request for each operation ---


@dataclass(frozen=True)
class Place:
    """A bucket with objects ``<at>k`` and, with tags, ``<at>tagged``, an upload of ``<at>up`` with one part, and CORS rules."""

    root: SigningClient
    bucket: str
    at: str
    upload: str
    etag: str

    def state(self) -> list[tuple[int, bytes]]:
        """Everything that a request could change."""
        asked: list[tuple[str, str, list[tuple[str, str]]]] = [
            ("", "", []),
            (self.bucket, "", []),
            (self.bucket, "", [("acl", "")]),
            (self.bucket, "", [("cors", "")]),
            (self.bucket, "", [("tagging", "")]),
            (self.bucket, "", [("encryption", "")]),
            (self.bucket, "", [("policy", "")]),
            (self.bucket, "", [("policy", ""), ("comp", "callback")]),
            (self.bucket, "", [("publicAccessBlock", "")]),
            (self.bucket, "", [_DIRECT]),
            (self.bucket, "", [_OVERWRITE]),
            (self.bucket, "", [_QOS]),
            ("", "", [("publicAccessBlock", "")]),
            (self.bucket, "", [("uploads", "")]),
            (self.bucket, self.at + "k", []),
            (self.bucket, self.at + "k", [("acl", "")]),
            (self.bucket, self.at + "up", [("uploadId", self.upload)]),
        ]
        replies = [self.root.request("GET", b, k, query=query) for b, k, query in asked]
        assert {reply.status for reply in replies} == {200}
        return [(reply.status, reply.body) for reply in replies]


_DIRECT = ("bucketArchiveDirectRead", "")
_OVERWRITE = ("overwriteConfig", "")
_QOS = ("qosInfo", "")


def qos_of(gigabits: int) -> bytes:
    total = f"<TotalUploadBandwidth>{gigabits}</TotalUploadBandwidth>"
    return f"<QoSConfiguration>{total}</QoSConfiguration>".encode()


def direct_read(enabled: str) -> bytes:
    root = "ArchiveDirectReadConfiguration"
    return f"<{root}><Enabled>{enabled}</Enabled></{root}>".encode()


LIFECYCLE = (
    b"<LifecycleConfiguration><Rule><ID>r</ID><Prefix>none/</Prefix><Status>Enabled</Status>"
    b"<Expiration><Days>9</Days></Expiration></Rule></LifecycleConfiguration>"
)
MONITORED = b"<AccessMonitorConfiguration><Status>Enabled</Status></AccessMonitorConfiguration>"


def days_of(root: str) -> bytes:
    """The document that initiates or extends a retention policy."""
    return f"<{root}><RetentionPeriodInDays>1</RetentionPeriodInDays></{root}>".encode()


OBJECT_WORM = b"<ObjectWormConfiguration><ObjectWormEnabled>Enabled</ObjectWormEnabled></ObjectWormConfiguration>"
RETENTION = (
    b"<Retention><Mode>GOVERNANCE</Mode>"
    b"<RetainUntilDate>2999-01-01T00:00:00.000Z</RetainUntilDate></Retention>"
)
LEGAL_HOLD = b"<LegalHold><Status>ON</Status></LegalHold>"
SUSPENDED = b"<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>"
ENCRYPTION = (
    b"<ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>SM4</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></ServerSideEncryptionRule>"
)
TAGS = b"<Tagging><TagSet><Tag><Key>team</Key><Value>blue</Value></Tag></TagSet></Tagging>"
CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>*</AllowedOrigin>"
    b"<AllowedMethod>GET</AllowedMethod></CORSRule></CORSConfiguration>"
)


CALLBACK_POLICIES = (
    b"<BucketCallbackPolicy><PolicyItem><PolicyName>first</PolicyName>"
    b"<Callback>eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xMjcuMC4wLjE6OS8iLCJjYWxsYmFja0JvZHkiOiJ4In0="
    b"</Callback></PolicyItem></BucketCallbackPolicy>"
)
"""One callback, to a port where nobody listens."""


def bucket_policy(bucket: str, *principals: str, effect: str = "Allow") -> bytes:
    """*principals* may, or may not, read the objects of *bucket*."""
    statement = {
        "Effect": effect,
        "Action": ["oss:GetObject"],
        "Principal": list(principals),
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]}).encode()


def block(text: str) -> bytes:
    """A PublicAccessBlockConfiguration."""
    inner = f"<BlockPublicAccess>{text}</BlockPublicAccess>"
    return f"<PublicAccessBlockConfiguration>{inner}</PublicAccessBlockConfiguration>".encode()


SOMEBODY = "299999999999999999"


def make_place(world: World, at: str = "user/", acl: str = "private") -> Place:
    root, bucket = world.root, f"b-{uuid.uuid4().hex[:20]}"
    assert root.request("PUT", bucket, headers={"x-oss-acl": acl}).status == 200
    assert root.request("PUT", bucket, query=[("cors", "")], body=CORS).status == 200
    assert root.request("PUT", bucket, query=[("tagging", "")], body=TAGS).status == 200
    default = ENCRYPTION.replace(b"SM4", b"AES256")
    assert root.request("PUT", bucket, query=[("encryption", "")], body=default).status == 200
    assert root.request("PUT", bucket, query=[("lifecycle", "")], body=LIFECYCLE).status == 200
    callbacks = [("policy", ""), ("comp", "callback")]
    assert root.request("PUT", bucket, query=callbacks, body=CALLBACK_POLICIES).status == 200
    policy = bucket_policy(bucket, SOMEBODY)
    assert root.request("PUT", bucket, query=[("policy", "")], body=policy).status == 200
    assert root.request("PUT", bucket, at + "k", body=b"content").status == 200
    tagged = root.request("PUT", bucket, at + "tagged", headers={"x-oss-tagging": "team=blue"})
    assert tagged.status == 200
    link = {"x-oss-symlink-target": at + "k"}
    linked = root.request("PUT", bucket, at + "link", query=[("symlink", "")], headers=link)
    assert linked.status == 200
    assert root.request("PUT", bucket, query=[_DIRECT], body=direct_read("false")).status == 200
    assert root.request("PUT", bucket, query=[_OVERWRITE], body=overwriting("no/")).status == 200
    assert root.request("PUT", bucket, query=[_QOS], body=qos_of(99)).status == 200
    append = [("append", ""), ("position", "0")]
    assert root.request("POST", bucket, at + "grown", query=append, body=b"x").status == 200
    frozen = {"x-oss-storage-class": "Archive"}
    assert root.request("PUT", bucket, at + "cold", headers=frozen).status == 200
    upload = root.request("POST", bucket, at + "up", query=[("uploads", "")]).element("UploadId")
    part = [("uploadId", upload), ("partNumber", "1")]
    etag = root.request("PUT", bucket, at + "up", query=part, body=b"part").headers["etag"]
    return Place(root, bucket, at, upload, etag)


Send = Callable[[SigningClient, Place], Reply]


def simple(
    method: str, key: str = "", *query: tuple[str, str], body: bytes = b"", **headers: str
) -> Send:
    """A request whose key stands behind the place's prefix."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}

    def send(client: SigningClient, place: Place) -> Reply:
        full = place.at + key if key else ""
        return client.request(method, place.bucket, full, query=query, headers=named, body=body)

    return send


def _put_bucket(client: SigningClient, place: Place) -> Reply:
    return client.request("PUT", f"{place.bucket}-new")


def _put_bucket_by_acl(client: SigningClient, place: Place) -> Reply:
    headers = {"x-oss-acl": "private"}
    return client.request("PUT", f"{place.bucket}-new", query=[("acl", "")], headers=headers)


def _delete_bucket(client: SigningClient, place: Place) -> Reply:
    # Who may delete buckets hears that this one is not empty.
    return client.request("DELETE", place.bucket)


def _delete_multiple(client: SigningClient, place: Place) -> Reply:
    return delete_keys(client, place, place.at + "k")


def delete_keys(client: SigningClient, place: Place, *keys: str) -> Reply:
    return _delete(client, place, *(f"<Key>{key}</Key>" for key in keys))


def _delete(client: SigningClient, place: Place, *named: str, **more: str) -> Reply:
    objects = "".join(f"<Object>{each}</Object>" for each in named)
    body = f"<Delete>{objects}</Delete>".encode()
    headers = {"Content-MD5": etag_to_content_md5(md5_hex(body)), **more}
    return client.request("POST", place.bucket, query=[("delete", "")], headers=headers, body=body)


def _copy(client: SigningClient, place: Place) -> Reply:
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}k"}
    return client.request("PUT", place.bucket, place.at + "copy", headers=headers)


def _upload_part(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload), ("partNumber", "2")]
    return client.request("PUT", place.bucket, place.at + "up", query=query, body=b"x")


def _upload_part_copy(client: SigningClient, place: Place) -> Reply:
    return _copy_to_part(client, place, "k")


def _upload_part_copy_of_link(client: SigningClient, place: Place) -> Reply:
    return _copy_to_part(client, place, "link")


def _copy_to_part(client: SigningClient, place: Place, source: str) -> Reply:
    query = [("uploadId", place.upload), ("partNumber", "2")]
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}{source}"}
    return client.request("PUT", place.bucket, place.at + "up", query=query, headers=headers)


def _complete(client: SigningClient, place: Place) -> Reply:
    part = f"<Part><PartNumber>1</PartNumber><ETag>{place.etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    query = [("uploadId", place.upload)]
    return client.request("POST", place.bucket, place.at + "up", query=query, body=body)


def _abort(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload)]
    return client.request("DELETE", place.bucket, place.at + "up", query=query)


def _list_parts(client: SigningClient, place: Place) -> Reply:
    query = [("uploadId", place.upload)]
    return client.request("GET", place.bucket, place.at + "up", query=query)


def send_post(client: SigningClient, place: Place) -> Reply:
    return send_form(client, place, signed_form(client, place))


def _post_held(client: SigningClient, place: Place) -> Reply:
    form = {**signed_form(client, place), "x-oss-object-worm-legal-hold": "ON"}
    return send_form(client, place, form)


def signed_form(client: SigningClient, place: Place) -> dict[str, str]:
    """The fields of a form that uploads ``<at>posted``."""
    fields = {"key": place.at + "posted"}
    if client.version == 0:
        return fields
    now_ms = time.time_ns() // 1_000_000
    if client.security_token:
        fields["x-oss-security-token"] = client.security_token
    if client.version == 1:
        text = build(expires_at_ms=now_ms + 60_000, conditions=[{"bucket": place.bucket}])
        signature = signature_v1.sign_policy(text, client.secret)
        return {
            **fields,
            "OSSAccessKeyId": client.access_key_id,
            "policy": text,
            "Signature": signature,
        }
    credential = signature_v4.credential_for(
        client.access_key_id, now_ms=now_ms, region=client.region
    )
    own = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": signature_v4.credential_text(credential),
        "x-oss-date": format_basic(now_ms),
    }
    text = build(
        expires_at_ms=now_ms + 60_000,
        conditions=[{"bucket": place.bucket}, *({n: v} for n, v in own.items())],
    )
    signature = signature_v4.sign_policy(text, client.secret, credential)
    return {**fields, **own, "policy": text, "x-oss-signature": signature}


def send_form(client: SigningClient, place: Place, fields: dict[str, str]) -> Reply:
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in {**fields, "file": "content"}.items()
    ]
    body = ("".join(parts) + f"--{BOUNDARY}--\r\n").encode()
    kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
    return client.send("POST", f"/{place.bucket}/", kind, body)


def _process(client: SigningClient, place: Place) -> Reply:
    return _trigger(client, place, "k")


def _process_link(client: SigningClient, place: Place) -> Reply:
    return _trigger(client, place, "link")


def _trigger(client: SigningClient, place: Place, key: str) -> Reply:
    body = b"x-oss-process=trigger/callback,callback_eyJjYWxsYmFja1VybCI6Imh0dHA6Ly8xMjcuMC4wLjE6OS8iLCJjYWxsYmFja0JvZHkiOiJ4In0=,callback-var_"
    query = [("x-oss-process", "")]
    return client.request("POST", place.bucket, place.at + key, query=query, body=body)


def _put_policy(client: SigningClient, place: Place) -> Reply:
    body = bucket_policy(place.bucket, SOMEBODY, "288888888888888888")
    return client.request("PUT", place.bucket, query=[("policy", "")], body=body)


def _change_bucket(client: SigningClient, place: Place) -> Reply:
    return client.request("PUT", place.bucket, headers={"x-oss-acl": "public-read-write"})


def _encrypt_bucket(client: SigningClient, place: Place) -> Reply:
    headers = {"x-oss-server-side-encryption": "SM4"}
    return client.request("PUT", place.bucket, headers=headers)


def _copy_held(client: SigningClient, place: Place) -> Reply:
    headers = {
        "x-oss-copy-source": f"/{place.bucket}/{place.at}k",
        "x-oss-object-worm-legal-hold": "ON",
    }
    return client.request("PUT", place.bucket, place.at + "copy", headers=headers)


def _delete_bypassing(client: SigningClient, place: Place) -> Reply:
    more = {"x-oss-bypass-governance-retention": "true"}
    return _delete(client, place, f"<Key>{place.at}k</Key>", **more)


def _copy_with_tags(client: SigningClient, place: Place) -> Reply:
    headers = {
        "x-oss-copy-source": f"/{place.bucket}/{place.at}k",
        "x-oss-tagging": "a=b",
        "x-oss-tagging-directive": "REPLACE",
    }
    return client.request("PUT", place.bucket, place.at + "copy", headers=headers)


def _copy_tagged(client: SigningClient, place: Place) -> Reply:
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}tagged"}
    return client.request("PUT", place.bucket, place.at + "copy", headers=headers)


def _copy_version(client: SigningClient, place: Place) -> Reply:
    return _copy_of(client, place, "k?versionId=null", "copy")


def _copy_tagged_version(client: SigningClient, place: Place) -> Reply:
    return _copy_of(client, place, "tagged?versionId=null", "copy")


def _copy_of(client: SigningClient, place: Place, source: str, key: str) -> Reply:
    headers = {"x-oss-copy-source": f"/{place.bucket}/{place.at}{source}"}
    return client.request("PUT", place.bucket, place.at + key, headers=headers)


def _upload_part_copy_of_version(client: SigningClient, place: Place) -> Reply:
    return _copy_to_part(client, place, "k?versionId=null")


def _delete_version(client: SigningClient, place: Place) -> Reply:
    return _delete(client, place, f"<Key>{place.at}k</Key><VersionId>null</VersionId>")


class _NamesVersion:
    """A client that names the null version in everything it asks."""

    def __init__(self, client: SigningClient) -> None:
        self._client = client

    def request(
        self,
        method: str,
        bucket: str,
        key: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        **more: Any,
    ) -> Reply:
        query = [*query, ("versionId", "null")]
        return self._client.request(method, bucket, key, query=query, **more)


def naming_version(send: Send) -> Send:
    """The same about the null version."""
    return lambda client, place: send(cast("SigningClient", _NamesVersion(client)), place)


def _list_buckets(client: SigningClient, _place: Place) -> Reply:
    return client.request("GET")


def _of_account(method: str, body: bytes = b"") -> Send:
    def send(client: SigningClient, _place: Place) -> Reply:
        return client.request(method, query=[("publicAccessBlock", "")], body=body)

    return send


_BLOCK = ("publicAccessBlock", "")
_WORM = ("worm", "")
_CALLBACKS = (("policy", ""), ("comp", "callback"))

REQUESTS: dict[str, Send] = {
    "ListBuckets": _list_buckets,
    "PutBucket": _put_bucket,
    "DeleteBucket": _delete_bucket,
    "HeadBucket": simple("HEAD"),
    "GetBucketInfo": simple("GET", "", ("bucketInfo", "")),
    "GetBucketLocation": simple("GET", "", ("location", "")),
    "GetBucketStat": simple("GET", "", ("stat", "")),
    "ListObjects": simple("GET"),
    "ListObjectsV2": simple("GET", "", ("list-type", "2")),
    "ListObjectVersions": simple("GET", "", ("versions", "")),
    "GetBucketAcl": simple("GET", "", ("acl", "")),
    "PutBucketAcl": simple("PUT", "", ("acl", ""), x_oss_acl="public-read-write"),
    "PutBucketCors": simple("PUT", "", ("cors", ""), body=CORS.replace(b"GET", b"PUT")),
    "GetBucketCors": simple("GET", "", ("cors", "")),
    "DeleteBucketCors": simple("DELETE", "", ("cors", "")),
    "PutBucketArchiveDirectRead": simple("PUT", "", _DIRECT, body=direct_read("true")),
    "GetBucketArchiveDirectRead": simple("GET", "", _DIRECT),
    "PutBucketEncryption": simple("PUT", "", ("encryption", ""), body=ENCRYPTION),
    "PutBucketTags": simple("PUT", "", ("tagging", ""), body=TAGS.replace(b"blue", b"red")),
    "GetBucketTags": simple("GET", "", ("tagging", "")),
    "DeleteBucketTags": simple("DELETE", "", ("tagging", "")),
    "GetBucketVersioning": simple("GET", "", ("versioning", "")),
    # Of a bucket that others use as well: it stays without versions that are kept.
    "PutBucketVersioning": simple("PUT", "", ("versioning", ""), body=SUSPENDED),
    "ListLiveChannel": simple("GET", "", ("live", "")),
    "ListAccessPoints": simple("GET", "", ("accessPoint", "")),
    "GetBucketLogging": simple("GET", "", ("logging", "")),
    "GetBucketReferer": simple("GET", "", ("referer", "")),
    "GetBucketRequestPayment": simple("GET", "", ("requestPayment", "")),
    "PutBucketAccessMonitor": simple("PUT", "", ("accessmonitor", ""), body=MONITORED),
    "GetBucketAccessMonitor": simple("GET", "", ("accessmonitor", "")),
    "GetBucketResourceGroup": simple("GET", "", ("resourceGroup", "")),
    "PutBucketLifecycle": simple("PUT", "", ("lifecycle", ""), body=LIFECYCLE.replace(b"9", b"8")),
    "GetBucketLifecycle": simple("GET", "", ("lifecycle", "")),
    "GetBucketWebsite": simple("GET", "", ("website", "")),
    "GetBucketEncryption": simple("GET", "", ("encryption", "")),
    "GetBucketTransferAcceleration": simple("GET", "", ("transferAcceleration", "")),
    "InitiateBucketWorm": simple("POST", "", _WORM, body=days_of("InitiateWormConfiguration")),
    "AbortBucketWorm": simple("DELETE", "", _WORM),
    "CompleteBucketWorm": simple("POST", "", ("wormId", "A0")),
    "ExtendBucketWorm": simple(
        "POST", "", ("wormId", "A0"), ("wormExtend", ""), body=days_of("ExtendWormConfiguration")
    ),
    "GetBucketWorm": simple("GET", "", _WORM),
    "PutBucketOverwriteConfig": simple("PUT", "", _OVERWRITE, body=overwriting("other/")),
    "GetBucketOverwriteConfig": simple("GET", "", _OVERWRITE),
    "DeleteBucketOverwriteConfig": simple("DELETE", "", _OVERWRITE),
    "PutBucketQoSInfo": simple("PUT", "", _QOS, body=qos_of(98)),
    "GetBucketQoSInfo": simple("GET", "", _QOS),
    "DeleteBucketQoSInfo": simple("DELETE", "", _QOS),
    "PutBucketObjectWormConfiguration": simple("PUT", "", ("objectWorm", ""), body=OBJECT_WORM),
    "GetBucketObjectWormConfiguration": simple("GET", "", ("objectWorm", "")),
    "PutObjectRetention": simple("PUT", "k", ("retention", ""), body=RETENTION),
    "GetObjectRetention": simple("GET", "k", ("retention", "")),
    "PutObjectLegalHold": simple("PUT", "k", ("legalHold", ""), body=LEGAL_HOLD),
    "GetObjectLegalHold": simple("GET", "k", ("legalHold", "")),
    "GetBucketReplication": simple("GET", "", ("replication", "")),
    "DeleteBucketLogging": simple("DELETE", "", ("logging", "")),
    "DeleteBucketLifecycle": simple("DELETE", "", ("lifecycle", "")),
    "DeleteBucketWebsite": simple("DELETE", "", ("website", "")),
    "DeleteBucketEncryption": simple("DELETE", "", ("encryption", "")),
    "PutObject": simple("PUT", "k", body=b"other"),
    "GetObject": simple("GET", "k"),
    "HeadObject": simple("HEAD", "k"),
    "GetObjectMeta": simple("HEAD", "k", ("objectMeta", "")),
    "DeleteObject": simple("DELETE", "k"),
    "DeleteMultipleObjects": _delete_multiple,
    "CopyObject": _copy,
    "AppendObject": simple("POST", "log", ("append", ""), ("position", "0"), body=b"x"),
    "SealAppendObject": simple("POST", "grown", ("seal", ""), ("position", "1")),
    "PutObjectAcl": simple("PUT", "k", ("acl", ""), x_oss_object_acl="public-read-write"),
    "RestoreObject": simple("POST", "cold", ("restore", "")),
    "CleanRestoredObject": simple("POST", "cold", ("cleanRestoredObject", "")),
    "GetObjectAcl": simple("GET", "k", ("acl", "")),
    "InitiateMultipartUpload": simple("POST", "new", ("uploads", "")),
    "UploadPart": _upload_part,
    "UploadPartCopy": _upload_part_copy,
    "CompleteMultipartUpload": _complete,
    "AbortMultipartUpload": _abort,
    "ListParts": _list_parts,
    "ListMultipartUploads": simple("GET", "", ("uploads", "")),
    "PostObject": send_post,
    "ProcessObject": _process,
    "PutObjectTagging": simple("PUT", "k", ("tagging", ""), body=TAGS.replace(b"blue", b"red")),
    "GetObjectTagging": simple("GET", "k", ("tagging", "")),
    "DeleteObjectTagging": simple("DELETE", "tagged", ("tagging", "")),
    "PutSymlink": simple("PUT", "k", ("symlink", ""), x_oss_symlink_target="other"),
    "GetSymlink": simple("GET", "link", ("symlink", "")),
    "PutBucketCallbackPolicy": simple(
        "PUT", "", *_CALLBACKS, body=CALLBACK_POLICIES.replace(b"first", b"second")
    ),
    "GetBucketCallbackPolicy": simple("GET", "", *_CALLBACKS),
    "DeleteBucketCallbackPolicy": simple("DELETE", "", *_CALLBACKS),
    "PutBucketPolicy": _put_policy,
    "GetBucketPolicy": simple("GET", "", ("policy", "")),
    "DeleteBucketPolicy": simple("DELETE", "", ("policy", "")),
    "GetBucketPolicyStatus": simple("GET", "", ("policyStatus", "")),
    "PutBucketPublicAccessBlock": simple("PUT", "", _BLOCK, body=block("true")),
    "GetBucketPublicAccessBlock": simple("GET", "", _BLOCK),
    "DeleteBucketPublicAccessBlock": simple("DELETE", "", _BLOCK),
    # It must not change what other tests find.
    "PutPublicAccessBlock": _of_account("PUT", block("false")),
    "GetPublicAccessBlock": _of_account("GET"),
    "DeletePublicAccessBlock": _of_account("DELETE"),
}
"""A request for each operation, that changes something if the operation can."""

ASKING_MORE: dict[tuple[str, str], Send] = {
    ("PutBucketAcl", "oss:PutBucket"): _put_bucket_by_acl,
    ("PutBucket", "oss:PutBucketAcl"): _change_bucket,
    ("PutBucket", "oss:PutBucketEncryption"): _encrypt_bucket,
    ("PutObject", "oss:PutObjectTagging"): simple("PUT", "k", body=b"other", x_oss_tagging="a=b"),
    ("AppendObject", "oss:PutObjectTagging"): simple(
        "POST", "log", ("append", ""), ("position", "0"), body=b"x", x_oss_tagging="a=b"
    ),
    ("InitiateMultipartUpload", "oss:PutObjectTagging"): simple(
        "POST", "new", ("uploads", ""), x_oss_tagging="a=b"
    ),
    ("CopyObject", "oss:PutObjectTagging"): _copy_with_tags,
    ("PutObject", "oss:PutObjectRetention"): simple("PUT", "k", x_oss_object_worm_legal_hold="ON"),
    ("InitiateMultipartUpload", "oss:PutObjectRetention"): simple(
        "POST", "new", ("uploads", ""), x_oss_object_worm_legal_hold="ON"
    ),
    ("CopyObject", "oss:PutObjectRetention"): _copy_held,
    ("PostObject", "oss:PutObjectRetention"): _post_held,
    ("PutSymlink", "oss:PutObjectRetention"): simple(
        "PUT",
        "k",
        ("symlink", ""),
        x_oss_symlink_target="other",
        x_oss_object_worm_legal_hold="ON",
    ),
    ("DeleteObject", "oss:BypassGovernanceRetention"): simple(
        "DELETE", "k", x_oss_bypass_governance_retention="true"
    ),
    ("DeleteMultipleObjects", "oss:BypassGovernanceRetention"): _delete_bypassing,
    ("PutObjectRetention", "oss:BypassGovernanceRetention"): simple(
        "PUT",
        "k",
        ("retention", ""),
        body=RETENTION,
        x_oss_bypass_governance_retention="true",
    ),
    ("PutSymlink", "oss:PutObjectTagging"): simple(
        "PUT", "k", ("symlink", ""), x_oss_symlink_target="other", x_oss_tagging="a=b"
    ),
    ("GetObject", "oss:GetObject"): simple("GET", "link"),
    ("HeadObject", "oss:GetObject"): simple("HEAD", "link"),
    ("ProcessObject", "oss:GetObject"): _process_link,
    ("UploadPartCopy", "oss:GetObject"): _upload_part_copy_of_link,
    # Issue 10, C6.
    ("CopyObject", "oss:GetObjectTagging"): _copy_tagged,
    ("CopyObject", "oss:GetObjectVersion"): _copy_version,
    ("CopyObject", "oss:GetObjectVersionTagging"): _copy_tagged_version,
    ("UploadPartCopy", "oss:GetObjectVersion"): _upload_part_copy_of_version,
    ("ProcessObject", "oss:GetObjectVersion"): naming_version(_process),
    ("DeleteMultipleObjects", "oss:DeleteObjectVersion"): _delete_version,
}
"""A request for each action that an operation needs only sometimes."""
ALONG_WITH = {
    ("CopyObject", "oss:GetObjectTagging"): ["oss:PutObjectTagging"],
    ("CopyObject", "oss:GetObjectVersionTagging"): ["oss:GetObjectVersion", "oss:PutObjectTagging"],
}
"""What that very request needs besides."""
_OF_VERSIONS = {
    "oss:GetObject": "oss:GetObjectVersion",
    "oss:DeleteObject": "oss:DeleteObjectVersion",
}
_UNMADE = (
    "GetBucketWebsite",
    "GetBucketTransferAcceleration",
    "AbortBucketWorm",
    "CompleteBucketWorm",
    "ExtendBucketWorm",
    "GetBucketWorm",
    "GetBucketObjectWormConfiguration",
    "GetBucketReplication",
)
_NEED_OBJECT_WORM = (
    "PutBucketObjectWormConfiguration",
    "PutObjectRetention",
    "GetObjectRetention",
    "PutObjectLegalHold",
    "GetObjectLegalHold",
)
OPERATIONS = [pytest.param(each, id=each.name) for each in oss.operations]


def actions_of(operation: Operation) -> list[str]:
    """What the plain request for an operation needs."""
    own = [] if operation.action is None else [operation.action]
    return own + [needs.action for needs in operation.also if not needs.only_if]


def needs_of(operation: Operation, action: str) -> list[str]:
    """What a request of `ASKING_MORE` needs: an action of versions takes another one's place."""
    needs = [*actions_of(operation), action, *ALONG_WITH.get((operation.name, action), [])]
    replaced = {plain for plain, other in _OF_VERSIONS.items() if other in needs}
    return [each for each in needs if each not in replaced]


def rarer_actions_of(operation: Operation) -> list[str]:
    """What only some requests need."""
    return [
        action
        for needs in operation.also
        for action in (needs.action if needs.only_if else None, needs.version_action)
        if action is not None
    ]


def code_of(reply: Reply) -> str:
    """The error's code, which HEAD has in a header."""
    hidden = reply.headers.get("x-oss-err")
    if hidden is None:
        return reply.code
    return Reply(0, {}, base64.b64decode(hidden)).code


def assert_denied(reply: Reply) -> None:
    assert (reply.status, code_of(reply)) == (403, "AccessDenied"), reply


def assert_let_in(name: str, reply: Reply) -> None:
    # The bucket is not empty; nobody listens where the callback goes; restoring takes its time, and
    # what is not restored is not cleaned; some settings were never made.
    others = {
        "DeleteBucket": 409,
        "ProcessObject": 203,
        "RestoreObject": 202,
        "CleanRestoredObject": 409,
        **dict.fromkeys(_UNMADE, 404),
        **dict.fromkeys(_NEED_OBJECT_WORM, 400),
    }
    if reply.code == "InvalidRequest":
        # A header asks for retention, which the bucket does not have.
        return
    assert reply.status in {others.get(name, 200), others.get(name, 204)}, (name, reply)
