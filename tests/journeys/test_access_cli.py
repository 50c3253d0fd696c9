"""Users, keys, groups, roles, policies and tokens as an operator handles them on the command line."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]
import pytest

from ossia.client.ram import RamClient
from running import Server, running_server

NODE = Path(__file__).parents[2] / ".cache" / "sdk" / "node" / "node_modules"
"""Where the conformance tests install ali-oss."""

WRITE = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "oss:PutObject",
            "Resource": "acs:oss:*:*:photos/*",
        }
    ],
}


@dataclass(frozen=True, slots=True)
class Desk:
    """A server, and the command line beside it."""

    server: Server
    folder: Path

    def run(self, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
        given = ["--endpoint", self.server.endpoint, "--data", str(self.server.data / "data")]
        return subprocess.run(
            [sys.executable, "-m", "ossia", *arguments, *given],
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={**os.environ, **environ},
            timeout=60,
            check=False,
        )

    def json(self, *arguments: str, **environ: str) -> Any:
        answer = self.run(*arguments, "--json", **environ)
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    def refused(self, *arguments: str, **environ: str) -> str:
        answer = self.run(*arguments, **environ)
        assert answer.returncode == 2, answer.stdout
        assert "Traceback" not in answer.stderr
        return answer.stderr

    def names(self, kind: str, field: str) -> list[str]:
        return [entry[field] for entry in self.json(kind, "list")]

    def file(self, name: str, content: object) -> str:
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("access-cli")
    with running_server(folder, "--workers", "1") as server:
        yield Desk(server, folder)


@pytest.fixture(scope="module")
def app(desk: Desk) -> dict[str, str]:
    """A user who may assume the role ``uploader``, which may do everything; as environment."""
    desk.json("user", "create", "app")
    desk.json("role", "create", "uploader", "--trust-user", "app")
    desk.json("policy", "attach", "AliyunSTSAssumeRoleAccess", "--user", "app")
    desk.json("policy", "attach", "AliyunOSSFullAccess", "--role", "uploader")
    key = desk.json("key", "create", "app")
    auth = oss2.Auth(desk.server.access_key_id, desk.server.access_key_secret)
    bucket = oss2.Bucket(auth, desk.server.endpoint, "photos")
    bucket.create_bucket()
    for name in ("users/7/a b.png", "users/8/secret.png"):
        bucket.put_object(name, b"photo")
    return {
        "OSSIA_ACCESS_KEY_ID": key["AccessKeyId"],
        "OSSIA_ACCESS_KEY_SECRET": key["AccessKeySecret"],
    }


def test_a_user_from_beginning_to_end(desk: Desk) -> None:
    made = desk.json("user", "create", "alice", "--display-name", "Alice", "--comments", "tests")
    assert (made["UserName"], made["DisplayName"]) == ("alice", "Alice")
    assert "alice" in desk.names("user", "UserName")
    assert "alice" in desk.run("user", "list").stdout
    desk.json("group", "create", "readers")
    desk.json("group", "add", "readers", "alice")
    desk.json("policy", "attach", "AliyunOSSReadOnlyAccess", "--user", "alice")
    key = desk.json("key", "create", "alice")
    shown = desk.json("user", "show", "alice")
    assert shown["Keys"] == [f"{key['AccessKeyId']} (Active)"]
    assert shown["Groups"] == ["readers"]
    assert shown["Policies"] == ["AliyunOSSReadOnlyAccess"]
    assert "--force" in desk.refused("user", "delete", "alice")
    desk.json("user", "delete", "alice", "--force")
    assert "alice" not in desk.names("user", "UserName")
    assert desk.json("group", "show", "readers")["Users"] == []
    desk.json("group", "delete", "readers")


def test_a_key_from_beginning_to_end(desk: Desk) -> None:
    desk.json("user", "create", "bob")
    answer = desk.run("key", "create", "bob")
    assert "AccessKeySecret" in answer.stdout
    assert "not shown again" in answer.stderr
    (key,) = desk.json("key", "list", "bob")
    assert "AccessKeySecret" not in key
    key_id = key["AccessKeyId"]
    for command, status in (("disable", "Inactive"), ("enable", "Active")):
        desk.json("key", command, "bob", key_id)
        assert desk.json("key", "list", "bob")[0]["Status"] == status
    desk.json("key", "create", "bob")
    assert "ossia key delete" in desk.refused("key", "create", "bob")
    desk.json("key", "delete", "bob", key_id)
    assert len(desk.json("key", "list", "bob")) == 1
    desk.json("user", "delete", "bob", "--force")


def test_a_disabled_key_is_refused(desk: Desk) -> None:
    desk.json("user", "create", "carol")
    key = desk.json("key", "create", "carol")
    desk.json("policy", "attach", "AliyunOSSFullAccess", "--user", "carol")
    auth = oss2.Auth(key["AccessKeyId"], key["AccessKeySecret"])
    service = oss2.Service(auth, desk.server.endpoint)
    assert service.list_buckets().status == 200
    desk.json("key", "disable", "carol", key["AccessKeyId"])
    with pytest.raises(oss2.exceptions.ServerError):
        service.list_buckets()


OWN_FOLDER = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["oss:GetObject", "oss:PutObject"],
            "Resource": [
                "acs:oss:*:*:photos/home/${acs:UserName}/*",
                "acs:oss:*:*:photos/home/${acs:RoleSessionName}/*",
            ],
        }
    ],
}


def test_one_policy_gives_everybody_a_folder_of_his_own(desk: Desk, app: dict[str, str]) -> None:
    desk.json("policy", "create", "own-folder", desk.file("own.json", OWN_FOLDER))
    desk.json("group", "create", "everybody")
    desk.json("policy", "attach", "own-folder", "--group", "everybody")
    desk.json("role", "create", "lodger", "--trust-user", "app")
    desk.json("policy", "attach", "own-folder", "--role", "lodger")
    auths: dict[str, oss2.AuthBase] = {}
    for name in ("fritz", "gerda"):
        desk.json("user", "create", name)
        desk.json("group", "add", "everybody", name)
        key = desk.json("key", "create", name)
        auths[name] = oss2.Auth(key["AccessKeyId"], key["AccessKeySecret"])
    token = desk.json("token", "assume", "lodger", "--session", "hanna", **app)
    auths["hanna"] = oss2.StsAuth(
        token["AccessKeyId"], token["AccessKeySecret"], token["SecurityToken"]
    )
    for name, auth in auths.items():
        bucket = oss2.Bucket(auth, desk.server.endpoint, "photos")
        for owner in auths:
            key = f"home/{owner}/a.png"
            if owner == name:
                bucket.put_object(key, b"own")
                assert bucket.get_object(key).read() == b"own"
            else:
                with pytest.raises(oss2.exceptions.AccessDenied):
                    bucket.put_object(key, b"others'")
    asked = ("--action", "oss:GetObject", "--resource", "photos/home/fritz/a.png")
    assert desk.run("policy", "explain", "--as", "user/fritz", *asked).stdout.startswith("Allowed")
    told = desk.run("policy", "explain", "--as", "user/gerda", *asked).stdout
    assert "does not match: Resource\n    acs:RoleSessionName has no value here\n" in told
    wrong = desk.file("wrong.json", json.dumps(OWN_FOLDER).replace("acs:UserName", "username"))
    assert "unknown variable ${username}; there are" in desk.refused(
        "policy", "create", "wrong", wrong
    )
    desk.json("policy", "delete", "own-folder", "--force")


def test_a_group_from_beginning_to_end(desk: Desk) -> None:
    desk.json("group", "create", "editors", "--comments", "may write")
    for name in ("dora", "emil"):
        desk.json("user", "create", name)
    said = desk.json("group", "add", "editors", "dora", "emil")
    assert said["done"] == "Group editors has now: dora, emil."
    desk.json("policy", "attach", "AliyunOSSFullAccess", "--group", "editors")
    desk.json("group", "remove", "editors", "emil")
    shown = desk.json("group", "show", "editors")
    assert (shown["Users"], shown["Policies"]) == (["dora"], ["AliyunOSSFullAccess"])
    assert "--force" in desk.refused("group", "delete", "editors")
    desk.json("group", "delete", "editors", "--force")
    assert "editors" not in desk.names("group", "GroupName")


def test_a_policy_from_beginning_to_end(desk: Desk) -> None:
    file = desk.file("write.json", WRITE)
    made = desk.json("policy", "create", "write-photos", file, "--description", "uploads")
    assert made["DefaultVersion"] == "v1"
    assert "AliyunOSSFullAccess" in desk.names("policy", "PolicyName")
    assert [p["PolicyName"] for p in desk.json("policy", "list", "--own")] == ["write-photos"]
    desk.json("user", "create", "frank")
    desk.json("policy", "attach", "write-photos", "--user", "frank")
    shown = desk.json("policy", "show", "write-photos")
    assert json.loads(shown["PolicyDocument"]) == WRITE
    assert shown["Users"] == ["frank"]
    wider = {**WRITE, "Statement": [{**WRITE["Statement"][0], "Action": "oss:*"}]}  # type: ignore[dict-item]
    added = desk.json("policy", "version", "create", "write-photos", desk.file("wide.json", wider))
    assert (added["VersionId"], added["IsDefaultVersion"]) == ("v2", True)
    old = desk.json("policy", "show", "write-photos", "--version", "v1")
    assert json.loads(old["PolicyDocument"]) == WRITE
    desk.json("policy", "version", "use", "write-photos", "v1")
    desk.json("policy", "version", "delete", "write-photos", "v2")
    versions = desk.json("policy", "version", "list", "write-photos")
    assert [each["VersionId"] for each in versions] == ["v1"]
    assert "--force" in desk.refused("policy", "delete", "write-photos")
    desk.json("policy", "delete", "write-photos", "--force")
    assert desk.json("user", "show", "frank")["Policies"] == []
    desk.json("policy", "attach", "AliyunOSSReadOnlyAccess", "--user", "frank")
    desk.json("policy", "detach", "AliyunOSSReadOnlyAccess", "--user", "frank")
    assert desk.json("user", "show", "frank")["Policies"] == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"Version": "1",\n "Statement": [}', "line 2, column 16"),
        ({**WRITE, "Version": "2"}, "Version"),
        ({"Version": "1", "Statement": [{"Effect": "allow"}]}, "Effect"),
        ({"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*"}]}, "Resource"),
    ],
    ids=["no-json", "version", "effect", "resource"],
)
def test_what_is_wrong_with_a_policy_is_said(desk: Desk, content: object, said: str) -> None:
    error = desk.refused("policy", "create", "wrong", desk.file("wrong.json", content))
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_role_from_beginning_to_end(desk: Desk) -> None:
    assert "Whom does it trust?" in desk.refused("role", "create", "lender")
    desk.json("user", "create", "gina")
    made = desk.json("role", "create", "lender", "--trust-user", "gina", "--max-session", "7200")
    assert f"{desk.server.account_id}:user/gina" in made["AssumeRolePolicyDocument"]
    trust = {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"RAM": [f"acs:ram::{desk.server.account_id}:root"]},
            }
        ],
    }
    desk.json("role", "update", "lender", "--trust", desk.file("trust.json", trust))
    desk.json("role", "update", "lender", "--description", "lends")
    shown = desk.json("role", "show", "lender")
    assert shown["Description"] == "lends"
    assert shown["MaxSessionDuration"] == 7200
    assert json.loads(shown["AssumeRolePolicyDocument"]) == trust
    assert "Nothing to change" in desk.refused("role", "update", "lender")
    desk.json("policy", "attach", "AliyunOSSFullAccess", "--role", "lender")
    assert "--force" in desk.refused("role", "delete", "lender")
    desk.json("role", "delete", "lender", "--force")
    assert "lender" not in desk.names("role", "RoleName")


def test_lists_of_several_pages_are_whole(desk: Desk) -> None:
    server = desk.server
    ram = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    for number in range(103):
        ram.call("CreateUser", UserName=f"many-{number:03}")
    names = desk.names("user", "UserName")
    assert sum(name.startswith("many-") for name in names) == 103


# --- tokens


def bucket_of(desk: Desk, given: dict[str, str]) -> oss2.Bucket:
    auth = oss2.StsAuth(given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"])
    return oss2.Bucket(auth, desk.server.endpoint, "photos")


def test_a_token_may_what_its_role_may(desk: Desk, app: dict[str, str]) -> None:
    given = desk.json("token", "assume", "uploader", "--session", "tests", **app)
    assert given["Arn"].endswith(":role/uploader/tests")
    assert bucket_of(desk, given).get_object("users/8/secret.png").read() == b"photo"


def test_a_token_for_a_prefix_is_for_that_prefix(desk: Desk, app: dict[str, str]) -> None:
    arguments = ("token", "assume", "uploader", "--bucket", "photos", "--prefix", "users/7/")
    bucket = bucket_of(desk, desk.json(*arguments, "--duration", "900", **app))
    assert bucket.get_object("users/7/a b.png").read() == b"photo"
    assert bucket.put_object("users/7/new.png", b"x").status == 200
    assert bucket.delete_object("users/7/new.png").status == 204
    assert [each.key for each in bucket.list_objects("users/7/").object_list] == ["users/7/a b.png"]
    attempts: tuple[Callable[[], object], ...] = (
        bucket.list_objects,
        lambda: bucket.list_objects("users/"),
        lambda: bucket.get_object("users/8/secret.png"),
        lambda: bucket.put_object("users/8/x", b"x"),
        lambda: bucket.put_object("users/77", b"x"),
        lambda: bucket.put_bucket_acl("public-read"),
    )
    for attempt in attempts:
        with pytest.raises(oss2.exceptions.AccessDenied):
            attempt()


def test_a_token_with_a_policy_file(desk: Desk, app: dict[str, str]) -> None:
    file = desk.file("session.json", WRITE)
    given = desk.json("token", "assume", "uploader", "--policy", file, **app)
    assert bucket_of(desk, given).put_object("users/7/a b.png", b"photo").status == 200
    with pytest.raises(oss2.exceptions.AccessDenied):
        bucket_of(desk, given).get_object("users/7/a b.png")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--prefix", "a/"], "--prefix goes with --bucket"),
        (["--prefix", "*", "--bucket", "photos"], "stand for anything"),
        (["--prefix", "", "--bucket", "photos"], "--prefix is text"),
        (["--duration", "10"], "DurationSeconds"),
    ],
)
def test_a_token_that_cannot_be(
    desk: Desk, app: dict[str, str], arguments: list[str], said: str
) -> None:
    assert said in desk.refused("token", "assume", "uploader", *arguments, **app)


def test_roots_key_is_told_what_to_do(desk: Desk, app: dict[str, str]) -> None:
    error = desk.refused("token", "assume", "uploader")
    assert "--trust-user" in error
    assert len(error.strip().splitlines()) == 1


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ossia", "user", "list", "--endpoint", "http://127.0.0.1:1"]
    answer = subprocess.run(
        [*command, "--access-key-id", "a", "--access-key-secret", "b"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=30,
        check=False,
    )
    assert answer.returncode == 2
    assert "ossia serve" in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


# --- what can be pasted


def pasted(desk: Desk, app: dict[str, str], target: str) -> str:
    arguments = ["--bucket", "photos", "--prefix", "users/7/", "--for", target]
    answer = desk.run("token", "assume", "uploader", *arguments, **app)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def output_of(command: list[str], folder: Path, text: str | None = None) -> str:
    answer = subprocess.run(
        command, cwd=folder, input=text, capture_output=True, text=True, timeout=60, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


@pytest.mark.parametrize("target", ["python", "python-v2"])
def test_python_can_be_pasted(desk: Desk, app: dict[str, str], tmp_path: Path, target: str) -> None:
    program = pasted(desk, app, target)
    assert output_of([sys.executable, "-"], tmp_path, program) == "users/7/a b.png 5\n"


def test_node_can_be_pasted(desk: Desk, app: dict[str, str], tmp_path: Path) -> None:
    if not NODE.exists():
        # Asked here and not while collecting: in a whole run they come first.
        pytest.skip("ali-oss is installed by the conformance tests: run those before")
    (tmp_path / "list.cjs").write_text(pasted(desk, app, "node"))
    (tmp_path / "node_modules").symlink_to(NODE)
    assert output_of(["node", "list.cjs"], tmp_path) == "users/7/a b.png 5\n"


def test_curl_can_be_pasted(desk: Desk, app: dict[str, str], tmp_path: Path) -> None:
    listed = output_of(["sh"], tmp_path, pasted(desk, app, "curl"))
    assert "<Key>users/7/a b.png</Key>" in listed
    assert "users/8" not in listed


def test_environment_is_what_sdks_read(desk: Desk, app: dict[str, str], tmp_path: Path) -> None:
    program = """
import os, alibabacloud_oss_v2 as oss
config = oss.config.load_default()
config.credentials_provider = oss.credentials.EnvironmentVariableCredentialsProvider()
config.region = os.environ["OSS_REGION"]
config.endpoint = os.environ["OSS_ENDPOINT"]
config.use_path_style = True
found = oss.Client(config).list_objects_v2(
    oss.ListObjectsV2Request(bucket="photos", prefix="users/7/"))
print(*[each.key for each in found.contents])
"""
    (tmp_path / "program.py").write_text(program)
    script = f"{pasted(desk, app, 'env')}exec {sys.executable} program.py\n"
    assert output_of(["sh"], tmp_path, script) == "users/7/a b.png\n"
