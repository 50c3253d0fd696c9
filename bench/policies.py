"""What deciding costs: one decision by the engine, and the share of policies in a small GET.

``python bench/policies.py`` measures both.  A decision is wall-clock time of one thread, the best of
many rounds.  A GET is CPU-seconds of the server (see ``run.py``): root key and temporary key take
turns in short rounds of one run, so that a disturbed machine disturbs both.
"""

import argparse
import asyncio
import json
import statistics
import tempfile
import time
import timeit
from pathlib import Path

import run

from ossia.adapters.data_folder import DataFolder
from ossia.client.signing_client import SigningClient
from ossia.client.sts import assume_role
from ossia.node.bootstrap import Node
from ossia.node.keys import load_keys
from ossia.protocol.policy_document import PolicyDocument
from ossia.settings import Settings

KEY = "acs:oss:cn-hangzhou:1234567890123456:mine/user/a.txt"
FACTS = {"acs:SourceIp": ["10.1.2.3"], "acs:UserAgent": ["sdk/1.0"], "oss:Prefix": []}
BUCKET, POLICED = "bench-plain", "bench-policed"
SCRIPT = """
local target = %s
local headers = %s
request = function() return wrk.format("GET", target, headers) end
"""


def statement(effect="Allow", action="oss:*", resource="*", **more):
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def text(*statements):
    return json.dumps({"Version": "1", "Statement": list(statements)})


HOME = {"IpAddress": {"acs:SourceIp": ["10.0.0.0/8", "192.168.0.0/16"]}}
NEVER = {"IpAddress": {"acs:SourceIp": ["172.16.0.0/12"]}, "StringLike": {"acs:UserAgent": "x*"}}


def documents():
    """Policies of 20 statements, of which the last decides."""
    last = statement(resource="acs:oss:*:*:mine/user/*", Condition=HOME)
    yield (
        "of 20 buckets",
        [statement(resource=[f"acs:oss:*:*:b{n}", f"acs:oss:*:*:b{n}/*"]) for n in range(19)]
        + [last],
    )
    yield (
        "of 20 folders of one bucket",
        [
            statement("Deny" if n % 4 == 3 else "Allow", resource=f"acs:oss:*:*:mine/folder{n}/*")
            for n in range(19)
        ]
        + [last],
    )
    yield (
        "all about the object, 19 with conditions that fail",
        [
            statement(
                "Deny" if n % 4 == 3 else "Allow", resource="acs:oss:*:*:mine/*", Condition=NEVER
            )
            for n in range(19)
        ]
        + [last],
    )
    yield (
        "all about the folder, 19 with two conditions each, of which only the second fails",
        [
            statement(
                "Deny" if n % 4 == 3 else "Allow",
                resource="acs:oss:*:*:mine/user/*",
                Condition={
                    "IpAddress": {"acs:SourceIp": [f"172.16.{n}.0/24", "10.0.0.0/8"]},
                    "StringLike": {"acs:UserAgent": f"app{n}/*"},
                },
            )
            for n in range(19)
        ]
        + [last],
    )


def decisions():
    for name, statements in documents():
        policy = PolicyDocument.parse(text(*statements))
        assert policy.decide("oss:GetObject", KEY, FACTS).statement == 19
        each = timeit.repeat(
            lambda policy=policy: policy.decide("oss:GetObject", KEY, FACTS), number=2000, repeat=50
        )
        best, median = min(each) / 2000 * 1e6, statistics.median(each) / 2000 * 1e6
        print(f"| a decision over 20 statements, {name} | {best:.1f} us | {median:.1f} us |")


# --- GET ---


async def prepare(folder: Path, account: str) -> tuple[str, str]:
    """A role with five statements, and the key of a user who may assume it."""
    settings = Settings(
        data=folder, root_access_key_id="benchkey", root_access_key_secret="benchsecret",
        account_id=account,
    )  # fmt: skip
    with DataFolder.open(folder) as opened:
        node = Node(settings, load_keys(settings, opened.path), opened.path)
        them = node.identities
        trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
        trust["Principal"] = {"RAM": [f"acs:ram::{account}:root"]}
        await them.create_role("reader", json.dumps({"Version": "1", "Statement": [trust]}))
        await them.create_policy(
            "five",
            text(
                statement(action="oss:ListObjects", resource=f"acs:oss:*:*:{POLICED}"),
                statement(action=["oss:PutObject"], resource=f"acs:oss:*:*:{POLICED}/up/*"),
                statement(action="oss:Get*", resource="acs:oss:*:*:elsewhere/*"),
                statement("Deny", action="oss:Delete*"),
                statement(action="oss:GetObject", resource=f"acs:oss:*:*:{POLICED}/*"),
            ),
        )
        await them.attach_to_role("five", "reader")
        await them.create_user("app")
        await them.attach_to_user("AliyunSTSAssumeRoleAccess", "app")
        key = await them.create_access_key("app")
        await node.close()
        return key.id, key.secret


def wrk(pid, client, bucket):
    """Requests and CPU-seconds of one round, with the signature in the header."""
    now = int(time.time() * 1000)
    signed = client._signature("GET", bucket, "get4k", (), {}, now)  # noqa: SLF001 - the header alone
    lua = "{" + ",".join(f"[{json.dumps(n)}]={json.dumps(v)}" for n, v in signed.items()) + "}"
    script = SCRIPT.replace("%s", json.dumps(f"/{bucket}/get4k"), 1).replace("%s", lua, 1)
    return run.wrk(pid, client.endpoint, script.replace("%", "%%") + "-- %s", ["x"], run.ROUND_S)


def gets(folder: Path, rounds: int):
    account = "1234567890123456"
    app = asyncio.run(prepare(folder / "data", account))
    with run.ossia(folder, "--account-id", account) as (pid, client):
        for bucket in (BUCKET, POLICED):
            assert client.request("PUT", bucket).status == 200
            assert client.request("PUT", bucket, "get4k", body=run.KIB4).status == 200
        policy = text(
            statement(
                "Deny", ["oss:DeleteObject"], f"acs:oss:*:*:{POLICED}/keep/*", Principal=["*"]
            ),
            statement("Allow", ["oss:GetObject"], f"acs:oss:*:*:{POLICED}/*", Principal=["2022"]),
        ).encode()
        assert client.request("PUT", POLICED, query=[("policy", "")], body=policy).status == 200
        given = assume_role(
            client.endpoint, access_key_id=app[0], secret=app[1], session_name="bench",
            role_arn=f"acs:ram::{account}:role/reader",
        )  # fmt: skip
        for version in (1, 4):
            root = SigningClient(
                client.endpoint, client.access_key_id, client.secret, version=version
            )
            session = SigningClient(
                client.endpoint, given.access_key_id, given.access_key_secret, version=version,
                security_token=given.security_token,
            )  # fmt: skip
            assert session.request("GET", POLICED, "get4k").body == run.KIB4
            costs = {"root": [], "session": []}
            for _ in range(rounds):
                for name, caller, bucket in (
                    ("root", root, BUCKET), ("session", session, POLICED),
                ):  # fmt: skip
                    count, cpu_s = wrk(pid, caller, bucket)
                    costs[name].append(cpu_s / count * 1e6)
            ratio = statistics.median(
                b / a for a, b in zip(costs["root"], costs["session"], strict=True)
            )
            best = {name: min(each) for name, each in costs.items()}
            print(
                f"| 4 KiB GET, V{version} header: root key {best['root']:.1f} us of CPU, token with "
                f"role policy of 5 statements and bucket policy {best['session']:.1f} us "
                f"| {best['session'] / best['root'] - 1:+.0%} | {ratio - 1:+.0%} |"
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", choices=("decisions", "gets"))
    options = parser.parse_args()
    print(run.machine())
    print("| what | best round | median |\n|---|--:|--:|")
    if options.only != "gets":
        decisions()
    if options.only != "decisions":
        with tempfile.TemporaryDirectory(dir=run.ROOT) as name:
            gets(Path(name), options.rounds)


if __name__ == "__main__":
    main()
