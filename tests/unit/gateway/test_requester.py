"""Who asked, in the access log and in the callbacks that his upload causes."""

import base64
import json

from gateway_world import World

TRUST = {
    "Version": "1",
    "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"RAM": "acs:ram::1234:root"}}
    ],
}
CALLBACK = {
    "callbackUrl": "http://127.0.0.1:1/",
    "callbackBody": "k=${object}",
    "callbackBodyType": "application/x-www-form-urlencoded",
}


async def test_each_kind_of_caller_is_named() -> None:
    world = World()
    them = world.identities
    assert (
        await world.ask("PUT", "mine", headers={"x-oss-acl": "public-read-write"})
    ).status == 200
    user = await them.create_user("alice")
    await them.attach_to_user("AliyunOSSFullAccess", "alice")
    key = await them.create_access_key("alice")
    role = await them.create_role("app", json.dumps(TRUST))
    await them.attach_to_role("AliyunOSSFullAccess", "app")
    session, token = await world.sessions.issue(
        role, account_id="1234", name="eric", policy="", expires_at=world.clock.at + 900_000
    )
    callers = [
        (world.root, "1234", "acs:ram::1234:root"),
        (world.signer(key.id, key.secret), user.id, "acs:ram::1234:user/alice"),
        (
            world.signer(session.access_key_id, session.access_key_secret, token=token),
            role.id,
            "acs:ram::1234:assumed-role/app/eric",
        ),
        (world.anonymous, '""', '""'),
    ]
    headers = {"x-oss-callback": base64.b64encode(json.dumps(CALLBACK).encode()).decode()}
    for by, requester, arn in callers:
        assert (await world.ask("PUT", "mine", "k", (), headers, b"x", by=by)).status == 200
        assert f"caller={requester} arn={arn} " in world.access_lines[-1]
        told = world.sender.attempts[-1].headers["x-oss-requester"]
        assert told == (requester.strip('"'))
