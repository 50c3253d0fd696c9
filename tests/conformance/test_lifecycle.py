"""Lifecycle rules on the wire, and what a server does by them.  Tests move its clock."""

import json
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from clock_file import set_clock
from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol.dates import format_http, format_iso_seconds, parse_http
from running import running_server, signer
from waiting import until

DAY = 86_400
DAY_MS = DAY * 1000
LIFECYCLE, MONITOR = [("lifecycle", "")], [("accessmonitor", "")]
LARGE = b"x" * 70_000
WAIT_S = 20
NOTED_S = 2.5
"""By then no worker knows by itself of what it served: it is on its way to the database."""


def rule(content: str, prefix: str = "", *, name: str = "r", status: str = "Enabled") -> str:
    return (
        f"<Rule><ID>{name}</ID><Prefix>{prefix}</Prefix><Status>{status}</Status>{content}</Rule>"
    )


def whole(*rules: str) -> bytes:
    return f"<LifecycleConfiguration>{''.join(rules)}</LifecycleConfiguration>".encode()


def expire(days: int) -> str:
    return f"<Expiration><Days>{days}</Days></Expiration>"


def becomes(kind: str, days: int, more: str = "") -> str:
    return f"<Transition><Days>{days}</Days><StorageClass>{kind}</StorageClass>{more}</Transition>"


ABORT = "<AbortMultipartUpload><Days>3</Days></AbortMultipartUpload>"
FORMERS = (
    "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
    "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"
)
ACCESS = "<IsAccessTime>true</IsAccessTime><ReturnToStdWhenVisit>true</ReturnToStdWhenVisit>"


def monitor(status: str) -> bytes:
    inner = f"<Status>{status}</Status>"
    return f"<AccessMonitorConfiguration>{inner}</AccessMonitorConfiguration>".encode()


@dataclass
class World:
    """A bucket of a test's own, and a clock that it moves."""

    client: SigningClient
    clock: Path
    bucket: str = ""
    offset_s: int = 0

    @property
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000 + self.offset_s * 1000

    def ask(self, method: str, key: str = "", **more: object) -> Reply:
        query = more.pop("query", [])
        if isinstance(query, str):
            query = [(query, "")]
        return self.client.request(
            method,
            self.bucket,
            key,
            query=query,  # type: ignore[arg-type]  # pairs by now
            now_ms=self.now_ms,
            **more,  # type: ignore[arg-type]  # passed through
        )

    def ok(self, method: str, key: str = "", **more: object) -> Reply:
        reply = self.ask(method, key, **more)
        assert reply.status in {200, 204}, reply.body
        return reply

    def put_rules(self, *rules: str, **headers: str) -> Reply:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.ask("PUT", query="lifecycle", body=whole(*rules), headers=named)

    def admin(self, method: str, path: str) -> dict[str, object]:
        reply = self.client.request(
            method, "-", f"api/buckets/{self.bucket}/lifecycle{path}", now_ms=self.now_ms
        )
        assert reply.status == 200, reply.body
        found: dict[str, object] = json.loads(reply.body)
        return found

    def move(self, days: float) -> None:
        self.offset_s += round(days * DAY)
        set_clock(self.clock, self.offset_s)

    def run(self) -> dict[str, int]:
        """What the worker does when it is asked to."""
        self.admin("POST", "/run")
        return self._counts_of_pass()

    def after(self, days: int) -> dict[str, int]:
        """What the worker does by itself when so many days go by."""
        # What a pass that is being made does meanwhile would be looked for in the one behind it.
        self.run()
        self.move(days)
        return self._counts_of_pass(format_iso_seconds(self.now_ms - 60_000))

    def _counts_of_pass(self, begun: str = "") -> dict[str, int]:
        """Of the last one, once it is done, and was begun then or later."""
        found: dict[str, Any] = {}

        def is_done() -> bool:
            found.update(self.admin("GET", ""))
            return found["stage"] == "done" and found["begun"] >= begun

        until(is_done, "The worker has not come to its end.", WAIT_S)
        counts: dict[str, int] = found["counts"]
        return counts

    def is_accessed(self, key: str) -> bool:
        """Whether something is said to have been accessed within a minute."""
        meta = self.ok("HEAD", key, query="objectMeta").headers
        return self.now_ms - parse_http(meta["x-oss-last-access-time"]) < 60_000

    def keys(self) -> list[str]:
        reply = self.ok("GET", query="versions")
        return [key.decode() for key in _between(reply.body, b"<Key>", b"</Key>")]


def _between(body: bytes, start: bytes, end: bytes) -> list[bytes]:
    return [piece.partition(end)[0] for piece in body.split(start)[1:]]


@pytest.fixture(scope="module")
def clocked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scratch = tmp_path_factory.mktemp("lifecycle")
    clock = scratch / "clock"
    # Noon, so that no midnight comes by itself.
    to_noon = (DAY + DAY // 2 - int(time.time()) % DAY) % DAY
    clock.write_text(str(to_noon))
    environment = {"OSSIA_TEST_CLOCK_FILE": str(clock)}
    flags = ("--lifecycle-interval", "0.1", "--workers", "2")
    with running_server(scratch / "server", *flags, environment=environment) as server:
        yield World(signer(server), clock, offset_s=to_noon)


@pytest.fixture
def world(clocked: World) -> World:
    clocked.bucket = f"b-{uuid.uuid4().hex[:20]}"
    clocked.ok("PUT")
    return clocked


# --- documents ---


@pytest.mark.covers("PutBucketLifecycle", "GetBucketLifecycle", "DeleteBucketLifecycle")
def test_rules_are_answered_as_they_were_put(world: World) -> None:
    tagged = "<Tag><Key>k</Key><Value>v</Value></Tag><Tag><Key>l</Key><Value></Value></Tag>"
    filtered = (
        "<Filter><ObjectSizeGreaterThan>500</ObjectSizeGreaterThan>"
        "<ObjectSizeLessThan>64000</ObjectSizeLessThan>"
        "<Not><Prefix>logs/not</Prefix><Tag><Key>n</Key><Value>1</Value></Tag></Not></Filter>"
    )
    rules = (
        rule(tagged + filtered + expire(90), "logs/", name="first"),
        rule(
            "<Expiration><CreatedBeforeDate>2020-01-01T00:00:00.000Z</CreatedBeforeDate>"
            "</Expiration>",
            "b",
            name="zweite <Regel>".replace("<", "&lt;").replace(">", "&gt;"),
            status="Disabled",
        ),
        rule(becomes("IA", 30) + becomes("DeepColdArchive", 99) + ABORT, "c", name="3"),
        rule(FORMERS, "d", name="4"),
    )
    reply = world.put_rules(*rules)
    assert (reply.status, reply.body) == (200, b"")
    told = world.ok("GET", query="lifecycle").body.decode().partition("\n")[2]
    assert told == whole(*rules).decode()
    # Once more: it replaces, and what is answered can be put.
    assert world.ask("PUT", query="lifecycle", body=told.encode()).status == 200
    world.ok("PUT", query="lifecycle", body=whole(rules[0]))
    assert world.ok("GET", query="lifecycle").body.endswith(whole(rules[0]))
    assert world.ask("DELETE", query="lifecycle").status == 204
    reply = world.ask("GET", query="lifecycle")
    assert (reply.status, reply.code) == (404, "NoSuchLifecycle")
    assert world.ask("DELETE", query="lifecycle").status == 204


@pytest.mark.covers("PutBucketLifecycle")
@pytest.mark.parametrize(
    ("body", "code", "ec"),
    [
        (b"", "MalformedXML", "11"),
        (whole(rule("")), "MalformedXML", "26"),
        (whole(rule(becomes("IA", 20) + becomes("Archive", 12))), "InvalidArgument", "81"),
        (whole(rule(expire(9)), rule(expire(8), "a", name="s")), "InvalidRequest", "84"),
        (
            whole(rule(becomes("IA", 3, "<IsAccessTime>true</IsAccessTime>"))),
            "InvalidRequest",
            "16",
        ),
    ],
)
def test_refusals_change_nothing(world: World, body: bytes, code: str, ec: str) -> None:
    world.put_rules(rule(expire(7)))
    before = world.ok("GET", query="lifecycle").body
    reply = world.ask("PUT", query="lifecycle", body=body)
    assert (reply.status, reply.code, reply.element("EC")) == (400, code, f"0014-000000{ec}")
    assert world.ok("GET", query="lifecycle").body == before


@pytest.mark.covers("PutBucketLifecycle")
def test_overlap_is_allowed_by_a_header(world: World) -> None:
    rules = (rule(expire(180), "dir1/"), rule(expire(30), "dir1/dir2/", name="s"))
    assert world.put_rules(*rules).code == "InvalidRequest"
    assert world.put_rules(*rules, x_oss_allow_same_action_overlap="false").status == 400
    assert world.put_rules(*rules, x_oss_allow_same_action_overlap="x").code == "InvalidArgument"
    assert world.put_rules(*rules, x_oss_allow_same_action_overlap="true").status == 200


@pytest.mark.covers("PutBucketAccessMonitor", "GetBucketAccessMonitor", "GetBucketInfo")
def test_the_access_monitor(world: World) -> None:
    def status() -> str:
        told = world.ok("GET", query="accessmonitor").element("Status")
        assert world.ok("GET", query="bucketInfo").element("AccessMonitor") == told
        return told

    assert status() == "Disabled"
    for word in ("Enabled", "Enabled", "Disabled", "Disabled", "Enabled"):
        assert world.ask("PUT", query="accessmonitor", body=monitor(word)).status == 200
        assert status() == word
    for body in (monitor("aa"), b"", b"<Other/>"):
        assert world.ask("PUT", query="accessmonitor", body=body).code == "MalformedXML"
    world.put_rules(rule(becomes("IA", 3, ACCESS)))
    assert b"<AtimeBase>" in world.ok("GET", query="lifecycle").body
    reply = world.ask("PUT", query="accessmonitor", body=monitor("Disabled"))
    assert (reply.status, reply.code) == (400, "AccessMonitorDisableNotAllowed")
    assert status() == "Enabled"


# --- what is told beforehand ---


@pytest.mark.covers("GetObject", "HeadObject")
def test_reads_tell_when_it_ends(world: World) -> None:
    world.ok("PUT", "logs/a", body=b"abc", headers={"x-oss-tagging": "k=v"})
    world.ok("PUT", "other", body=b"abc")
    assert "x-oss-expiration" not in world.ok("HEAD", "logs/a").headers
    world.put_rules(
        rule(expire(30), "logs/", name="thirty"),
        rule("<Tag><Key>k</Key><Value>v</Value></Tag>" + expire(20), name="twenty"),
    )
    head = world.ok("HEAD", "logs/a")
    written = parse_http(head.headers["last-modified"])
    midnight = -(-written // DAY_MS) * DAY_MS + 20 * DAY_MS
    told = f'expiry-date="{format_http(midnight)}", rule-id="twenty"'
    assert head.headers["x-oss-expiration"] == told
    assert world.ok("GET", "logs/a").headers["x-oss-expiration"] == told
    ranged = world.ask("GET", "logs/a", headers={"range": "bytes=0-0"})
    assert (ranged.status, ranged.headers["x-oss-expiration"]) == (206, told)
    assert "x-oss-expiration" not in world.ok("GET", "other").headers


@pytest.mark.covers("GetObject")
def test_former_versions_tell_of_no_end(world: World) -> None:
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    world.ok("PUT", query="versioning", body=versioning)
    version = world.ok("PUT", "k", body=b"1").headers["x-oss-version-id"]
    world.ok("PUT", "k", body=b"2")
    world.put_rules(rule(expire(3)))
    former = world.ok("GET", "k", query=[("versionId", version)])
    assert "x-oss-expiration" not in former.headers
    assert "x-oss-expiration" in world.ok("GET", "k").headers


# --- what is done ---


@pytest.mark.covers("PutBucketLifecycle")
def test_objects_go_at_the_midnight_after_their_days(world: World) -> None:
    for key in ("logs/a", "logs/b", "keep"):
        world.ok("PUT", key, body=LARGE)
    world.put_rules(rule(expire(2), "logs/"))
    assert world.after(2) == {}
    world.ok("PUT", "logs/b", body=b"new")
    assert world.after(1) == {"deleted": 1}
    assert world.keys() == ["keep", "logs/b"]
    stat = world.ok("GET", query="stat")
    assert (stat.element("ObjectCount"), stat.element("Storage")) == ("2", "70003")
    assert world.ask("GET", "logs/a").code == "NoSuchKey"


@pytest.mark.covers("PutBucketLifecycle", "GetObjectMeta", "CopyObject")
def test_classes_change_in_place(world: World) -> None:
    said = {"x-oss-tagging": "k=v", "x-oss-meta-a": "b", "content-type": "text/plain"}
    world.ok("PUT", "k", body=LARGE, headers=said)
    world.ok("PUT", "link", query="symlink", headers={"x-oss-symlink-target": "k"})
    before = world.ok("HEAD", "k").headers
    world.put_rules(rule(becomes("IA", 1) + becomes("ColdArchive", 4)))
    assert world.after(2) == {"changed": 1}
    after = world.ok("HEAD", "k").headers
    assert after["x-oss-storage-class"] == "IA"
    changed = {"x-oss-storage-class", "date", "x-oss-request-id", "x-oss-server-time"}
    for name in before.keys() - changed:
        assert after[name] == before[name], name
    assert world.ok("GET", "k").body == LARGE
    stat = world.ok("GET", query="stat")
    assert (stat.element("InfrequentAccessObjectCount"), stat.element("StandardStorage")) == (
        "1",
        "0",
    )
    assert world.after(3) == {"changed": 1}
    meta = world.ok("HEAD", "k", query="objectMeta").headers
    assert meta["x-oss-transition-time"].endswith("GMT")
    assert world.ok("GET", "link", query="symlink").headers["x-oss-symlink-target"] == "k"
    assert world.ask("GET", "k").code == "InvalidObjectState"
    assert world.ask("POST", "k", query="restore").status == 202
    time.sleep(3.1)
    world.ok("PUT", "copy", headers={"x-oss-copy-source": f"/{world.bucket}/k"})
    assert "x-oss-transition-time" not in world.ok("HEAD", "copy").headers
    assert "x-oss-transition-time" in world.ok("HEAD", "k").headers


@pytest.mark.covers("PutBucketLifecycle")
def test_versions_markers_and_uploads_go(world: World) -> None:
    versioning = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
    world.ok("PUT", query="versioning", body=versioning)
    for body in (b"1", b"2"):
        world.ok("PUT", "k", body=body)
    world.ok("POST", "k", query="uploads")
    world.put_rules(
        rule(expire(2) + ABORT, "k"),
        rule(FORMERS, name="s"),
        x_oss_allow_same_action_overlap="true",
    )
    assert world.after(3) == {"deleted": 1}
    assert world.ask("GET", "k").code == "NoSuchKey"
    assert world.keys() == ["k", "k", "k"]
    assert world.after(1) == {"aborted": 1}
    assert world.after(2) == {"deleted": 1}
    assert world.after(3) == {"deleted": 1}
    assert world.keys() == ["k"]
    assert world.run() == {"markers": 1}
    assert world.keys() == []
    assert world.ask("DELETE").status == 204


@pytest.mark.covers("PutBucketAccessMonitor", "GetObjectMeta")
def test_what_is_read_stays_warm(world: World) -> None:
    for key in ("read", "unread"):
        world.ok("PUT", key, body=LARGE)
    world.ok("PUT", "link", query="symlink", headers={"x-oss-symlink-target": "read"})
    assert "x-oss-last-access-time" not in world.ok("HEAD", "read", query="objectMeta").headers
    world.ok("PUT", query="accessmonitor", body=monitor("Enabled"))
    assert world.is_accessed("read")
    world.put_rules(rule(becomes("IA", 3, ACCESS)))
    world.move(2)
    # Through the link, of which nothing else is known.
    assert world.ok("GET", "link").body == LARGE
    time.sleep(NOTED_S)
    until(lambda: world.is_accessed("read"), "nobody has stored that it was read")
    assert world.after(2) == {"changed": 1}
    assert world.ok("HEAD", "unread").headers["x-oss-storage-class"] == "IA"
    assert world.ok("HEAD", "read").headers["x-oss-storage-class"] == "Standard"
    world.ok("GET", "unread")
    time.sleep(NOTED_S)
    until(lambda: world.is_accessed("unread"), "nobody has stored that it was read")
    assert world.run() == {"changed": 1}
    assert world.ok("HEAD", "unread").headers["x-oss-storage-class"] == "Standard"


def test_explaining_over_the_admin_api(world: World) -> None:
    for number in range(3):
        world.ok("PUT", f"k{number}", body=b"x")
    reply = world.client.request(
        "GET", "-", f"api/buckets/{world.bucket}/lifecycle/explain", now_ms=world.now_ms
    )
    assert (reply.status, json.loads(reply.body)["error"]["code"]) == (404, "NoSuchLifecycle")
    world.put_rules(rule(expire(2), "k", name="mine"))
    assert world.admin("GET", "/explain")["due"] == []
    reply = world.client.request(
        "GET",
        "-",
        f"api/buckets/{world.bucket}/lifecycle/explain",
        query=[("at", "2999-01-01"), ("prefix", "k1")],
        now_ms=world.now_ms,
    )
    [due] = json.loads(reply.body)["due"]
    assert (due["key"], due["deed"], due["rule"]) == ("k1", "delete", "mine")
    assert due["reason"] == "last modified 2 days before"
    for name, value in (("at", "soon"), ("after", "x"), ("after", "e30=")):
        reply = world.client.request(
            "GET",
            "-",
            f"api/buckets/{world.bucket}/lifecycle/explain",
            query=[(name, value)],
            now_ms=world.now_ms,
        )
        assert (reply.status, json.loads(reply.body)["error"]["code"]) == (400, "InvalidArgument")
    assert len(world.keys()) == 3
