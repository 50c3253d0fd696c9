"""Every operation that the server offers, by a user who lacks exactly one of its permissions.

Made from the operations' records: a new operation is in the matrix at once, and fails until
`access_world` has a request for it.  For each permission that an operation needs, be it its own, a
further one, one of a source, or one that only some requests need:

1. a RAM user who may do everything else is refused, and nothing changes;
2. the refusal names the action that is missing;
3. the same user is refused as well if the bucket's policy denies it, while his own allows all;
4. a user who may do exactly what the operation needs, on exactly the resources, is let in.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from access_world import (
    ASKING_MORE,
    REQUESTS,
    Place,
    Send,
    World,
    access_world,
    actions_of,
    assert_denied,
    assert_let_in,
    make_place,
    naming_version,
    needs_of,
    rarer_actions_of,
)

from inside import node_inside
from ossia.api.operation import Operation, Scope
from ossia.api.oss import oss
from ossia.client.signing_client import Reply, SigningClient

ACTIONS = sorted(
    {
        action
        for each in oss.operations
        for action in (each.version_action, *actions_of(each), *rarer_actions_of(each))
        if action is not None
    }
)
COPIES = [each for each in oss.operations if each.header == "x-oss-copy-source"]


@dataclass(frozen=True)
class Case:
    """A request of one operation, and what it needs."""

    operation: Operation
    send: Send
    needs: list[str] = field(default_factory=list)


def cases() -> Iterator[Case]:
    for operation in oss.operations:
        yield Case(operation, REQUESTS[operation.name], actions_of(operation))
        for action in rarer_actions_of(operation):
            send = ASKING_MORE[operation.name, action]
            yield Case(operation, send, needs_of(operation, action))
        if operation.version_action not in {None, operation.action}:
            asked = actions_of(operation)
            named = [operation.version_action or "", *asked[1:]]
            yield Case(operation, naming_version(REQUESTS[operation.name]), named)


def named(some: list[Case]) -> pytest.MarkDecorator:
    ids = [f"{each.operation.name}-{len(each.needs)}" for each in some]
    return pytest.mark.parametrize("case", some, ids=ids)


CASES = list(cases())
IN_BUCKETS = [each for each in CASES if each.operation.scope is not Scope.SERVICE]


def document(*statements: Mapping[str, object]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def lacks(action: str) -> str:
    """Everything but one action."""
    others = [each for each in ACTIONS if each != action]
    return document({"Effect": "Allow", "Action": others, "Resource": "*"})


@dataclass(frozen=True)
class Users:
    """A server with a user for each action: he may do everything else."""

    world: World
    lacking: dict[str, SigningClient]
    able: SigningClient


@pytest.fixture(scope="module")
def users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Users]:
    folder = tmp_path_factory.mktemp("matrix")
    keys = asyncio.run(_make_users(folder))
    with access_world(folder) as world:
        clients = {name: world.client(*key) for name, key in keys.items()}
        able = clients.pop("able")
        yield Users(world, clients, able)


async def _make_users(folder: Path) -> dict[str, tuple[str, str]]:
    async with node_inside(folder) as (node, _):
        them = node.identities
        made = {}
        policies = {action: lacks(action) for action in ACTIONS}
        policies["able"] = document({"Effect": "Allow", "Action": "oss:*", "Resource": "*"})
        for number, (name, text) in enumerate(policies.items()):
            user = f"user{number}"
            await them.create_user(user)
            await them.create_policy(f"policy{number}", text)
            await them.attach_to_user(f"policy{number}", user)
            key = await them.create_access_key(user)
            made[name] = key.id, key.secret
        return made


def _also(operation: Operation) -> Iterator[str | None]:
    for needs in operation.also:
        yield from (needs.action, needs.version_action)


def test_every_permission_is_in_the_matrix() -> None:
    """What an operation's record says, and nothing that it does not say."""
    wanted = {
        (each.name, action)
        for each in oss.operations
        for action in (each.action, each.version_action, *_also(each))
        if action is not None
    }
    assert {(case.operation.name, action) for case in cases() for action in case.needs} == wanted
    assert set(ASKING_MORE) == {
        (each.name, action) for each in oss.operations for action in rarer_actions_of(each)
    }
    assert all(case.needs for case in cases())
    assert {each.name for each in COPIES} == {"CopyObject", "UploadPartCopy"}


@named(CASES)
def test_without_one_permission_it_is_refused(users: Users, case: Case) -> None:
    place = make_place(users.world)
    before = place.state()
    for action in case.needs:
        reply = case.send(users.lacking[action], place)
        assert_denied(reply)
        if case.operation.method != "HEAD":
            assert reply.element("AuthAction") == action
            assert reply.element("NoPermissionType") == "ImplicitDeny"
    assert place.state() == before
    assert_let_in(case.operation.name, case.send(users.able, place))


def _deny(bucket: str, action: str) -> bytes:
    resource = [f"acs:oss:*:*:{bucket}", f"acs:oss:*:*:{bucket}/*"]
    return document(
        {"Effect": "Deny", "Action": action, "Principal": ["*"], "Resource": resource}
    ).encode()


@named(IN_BUCKETS)
def test_what_the_bucket_denies_is_refused(users: Users, case: Case) -> None:
    if (case.operation.name, len(case.needs)) in {("PutBucket", 1), ("PutBucketAcl", 2)}:
        # The bucket to be made has no policy yet.
        return
    place = make_place(users.world)
    for action in case.needs:
        policy = [("policy", "")]
        denied = place.root.request(
            "PUT", place.bucket, query=policy, body=_deny(place.bucket, action)
        )
        assert denied.status == 200
        before = place.state()
        reply = case.send(users.able, place)
        assert_denied(reply)
        if case.operation.method != "HEAD":
            assert reply.element("EC") == "0003-00000101"
            assert reply.element("MatchedStatement") == "Statement[0]"
        assert place.state() == before


@named(CASES)
def test_with_exactly_what_it_needs_it_is_let_in(users: Users, case: Case) -> None:
    """By the bucket's policy, for a user whose own policies allow nothing; no other place is open."""
    place, elsewhere = make_place(users.world), make_place(users.world)
    nobody = users.world.client(users.world.nobody.id, users.world.nobody.secret)
    if case.operation.scope is Scope.SERVICE or "oss:PutBucket" in case.needs:
        # Only an identity policy can allow what is in no bucket.
        token = users.world.session(
            allowed=document({"Effect": "Allow", "Action": case.needs, "Resource": "*"})
        )
        assert_let_in(case.operation.name, case.send(token, place))
        return
    assert_denied(case.send(nobody, place))
    allowed = document(
        {
            "Effect": "Allow",
            "Action": case.needs,
            "Principal": [f"acs:ram::{users.world.server.account_id}:user/nobody"],
            "Resource": [f"acs:oss:*:*:{place.bucket}", f"acs:oss:*:*:{place.bucket}/*"],
        }
    ).encode()
    assert (
        place.root.request("PUT", place.bucket, query=[("policy", "")], body=allowed).status == 200
    )
    assert_denied(case.send(nobody, elsewhere))
    assert_let_in(case.operation.name, case.send(nobody, place))


@pytest.mark.parametrize("operation", COPIES, ids=lambda each: each.name)
@pytest.mark.parametrize("missing", ["source", "target"])
def test_a_copy_needs_both_places(users: Users, operation: Operation, missing: str) -> None:
    """Each permission counts only where it is needed: reading the source, writing the target."""
    source, target = make_place(users.world), make_place(users.world)
    reads, writes = ("oss:GetObject", source.bucket), ("oss:PutObject", target.bucket)
    swapped = ("oss:PutObject", source.bucket), ("oss:GetObject", target.bucket)
    given = [*swapped, writes if missing == "source" else reads]
    token = _session(users.world, given)
    before = source.state(), target.state()
    reply = _copy(token, operation, source, target)
    assert_denied(reply)
    assert reply.element("AuthAction") == (
        "oss:GetObject" if missing == "source" else "oss:PutObject"
    )
    wanted = source.bucket if missing == "source" else target.bucket
    assert reply.element("Resource").split(":")[4].startswith(f"{wanted}/user/")
    assert (source.state(), target.state()) == before
    assert _copy(_session(users.world, [reads, writes]), operation, source, target).status == 200


def _session(world: World, given: list[tuple[str, str]]) -> SigningClient:
    return world.session(
        allowed=document(
            *(
                {"Effect": "Allow", "Action": action, "Resource": f"acs:oss:*:*:{bucket}/*"}
                for action, bucket in given
            )
        )
    )


def _copy(client: SigningClient, operation: Operation, source: Place, target: Place) -> Reply:
    query = [("uploadId", target.upload), ("partNumber", "2")] if operation.selectors else []
    headers = {"x-oss-copy-source": f"/{source.bucket}/user/k"}
    return client.request("PUT", target.bucket, "user/up", query=query, headers=headers)
