"""The server does with objects what the reference model does, whatever is asked in whatever order.

``OSSIA_MODEL_STEPS`` says how many steps; without it some hundreds, the same ones each time (``make
test-long``).
"""

import os
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, unquote

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from model_requests import bypassing, lifecycle, listing, md5_of, names, tagging, written
from model_world import ModelWorld, check
from reference_model import ReferenceModel
from reference_records import DAY, FROZEN, UNKNOWN, Rule, Told, Upload, Worm

from ossia.client.signing_client import Reply
from running import running_server

LONG = int(os.environ.get("OSSIA_MODEL_STEPS", "0"))
_STEPS = 60
_EXAMPLES = 12
_LOOKS_EVERY = 10
"""A look at everything costs more than the step before it."""

KEYS = st.sampled_from(["a", "a", "a/b", "a/c/d", "é x", "l"])
BODIES = st.sampled_from([b"", b"one", b"two", b"three" * 1000, b"x" * 70_000])
GONE = 99
WHICH = st.sampled_from([None, None, None, 0, 1, 2, 3, GONE])
"""What the key names, the version of that number, or one that is not there."""
CLASSES = st.sampled_from([None, None, None, "Standard", "IA", "Archive", "ColdArchive"])
TAGS = st.sampled_from([{}, {}, {"t": "1"}, {"t": "2", "u": ""}])
METAS = st.sampled_from([{}, {}, {"a": "1"}, {"a": "2"}])
CIPHERS = st.sampled_from(["", "", "", "AES256", "SM4", "KMS"])
ACLS = st.sampled_from(["default", "private", "public-read"])
KINDS = st.sampled_from(["plain", "versions", "suspended", "retained versions", "worm"])
"""How the bucket begins."""
RARELY = st.sampled_from([False, False, False, True])
DOCUMENTS = st.sampled_from(
    [
        [],
        [Rule(prefix="a", days=1)],
        [Rule(days=2, noncurrent_days=1), Rule(prefix="a/", days=1)],
        [Rule(tag=("t", "1"), days=1)],
        [Rule(larger_than=5, becomes="IA", becomes_after=1), Rule(prefix="a", days=3)],
        [Rule(becomes="Archive", becomes_after=1, abort_days=1)],
        [Rule(noncurrent_days=1, removes_markers=True, abort_days=2)],
        [Rule(days=2, noncurrent_days=1), Rule(prefix="l", becomes="IA", becomes_after=1)],
    ]
)
NOWHERE = "CAEQAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"


class BesideTheServer(RuleBasedStateMachine):
    """Asks both; `world` is what the test sets."""

    world: ModelWorld

    @initialize(kind=KINDS)
    def begin(self, kind: str) -> None:
        self.world.fresh()
        self.model = ReferenceModel(self.world.now)
        self.steps = 0
        if kind == "suspended":
            # Null versions lie behind others, and behind a marker.
            for key in ("a", "a/b", "l"):
                self.put(key, b"null", None, {}, {}, forbid=False)
        if kind in {"versions", "retained versions", "suspended"}:
            self.switch("Enabled")
        if kind == "suspended":
            self.delete("a", None, bypass=False)
            self.put("a/b", b"later", None, {}, {}, forbid=False)
            self.switch("Suspended")
        if kind == "retained versions":
            self.retain_versions(0)
        if kind == "worm":
            self.begin_worm(2)

    # --- helpers ---

    def ask(self, method: str, key: str = "", version: str | None = None, **more: object) -> Reply:
        query = list(more.pop("query", ()))  # type: ignore[call-overload] - pairs
        if version is not None:
            query.append(("versionId", version))
        return self.world.ask(method, key, query=query, **more)  # type: ignore[arg-type] - passed on

    def version(self, key: str, which: int | None) -> str | None:
        if which is None:
            return None
        there = self.model.keys.get(key, [])
        return there[which].id if which < len(there) else NOWHERE

    # --- the bucket ---

    @rule(status=st.sampled_from(["Enabled", "Enabled", "Suspended"]))
    def switch(self, status: str) -> None:
        if status == "Suspended" and (not self.model.versioning or self._retains()):
            return
        body = f"<VersioningConfiguration><Status>{status}</Status></VersioningConfiguration>"
        check(self.ask("PUT", query=[("versioning", "")], body=body.encode()), Told(200))
        self.model.versioning = status

    @rule(steps=st.sampled_from([1, 1, 2, 18, 36, 72, 400]))
    def wait(self, steps: int) -> None:
        self.world.pass_time(steps)
        self._age()

    def _age(self) -> None:
        """What rules do now is done before anything else happens."""
        if self.model.rules:
            self.world.run_lifecycle()
            self.model.age()
            self._meet_markers()

    def _meet_markers(self) -> None:
        """Find out how the server calls the markers that it made by itself."""
        for key, versions in self.model.keys.items():
            if versions[0].id == UNKNOWN:
                given = self.ask("GET", key).headers["x-oss-version-id"]
                self.model.meet(given)
                versions[0] = replace(versions[0], id=given)

    @rule(rules=DOCUMENTS)
    def put_rules(self, rules: list[Rule]) -> None:
        query, body = [("lifecycle", "")], lifecycle(rules)
        if rules:
            overlaps = {"x-oss-allow-same-action-overlap": "true"}
            check(self.ask("PUT", query=query, body=body, headers=overlaps), Told(200))
        else:
            check(self.ask("DELETE", query=query), Told(204))
        self.model.rules = rules
        self._age()

    # --- what must stay ---

    def _retains(self) -> bool:
        return self.model.worm is not None or self.model.retains_versions

    @precondition(
        lambda self: (
            not self._retains() and self.model.versioning != "Suspended" and self.steps % 20 == 0
        )
    )
    @rule(days=st.sampled_from([1, 2]))
    def begin_worm(self, days: int) -> None:
        period = f"<RetentionPeriodInDays>{days}</RetentionPeriodInDays>"
        body = f"<InitiateWormConfiguration>{period}</InitiateWormConfiguration>".encode()
        reply = self.ask("POST", query=[("worm", "")], body=body)
        check(reply, Told(200))
        self.model.worm = Worm(days, self.world.now())
        self.worm_id = reply.headers["x-oss-worm-id"]

    @precondition(lambda self: self.model.worm is not None)
    @rule(lock=RARELY)
    def end_worm(self, lock: bool) -> None:
        worm = self.model.worm
        assert worm is not None
        holds = self.model.worm_holds() is not None
        if lock:
            reply = self.ask("POST", query=[("wormId", self.worm_id)])
            if not holds:
                check(reply, Told(404, "NoSuchWORMConfiguration"))
            elif worm.is_locked:
                check(reply, Told(403, "WORMConfigurationLocked"))
            else:
                check(reply, Told(200))
                self.model.worm = replace(worm, is_locked=True)
            return
        reply = self.ask("DELETE", query=[("worm", "")])
        if worm.is_locked:
            check(reply, Told(403, "WORMConfigurationLocked"))
        else:
            check(reply, Told(204))
            self.model.worm = None

    @precondition(
        lambda self: (
            self.model.versioning == "Enabled" and not self.model.worm and self.steps % 20 == 0
        )
    )
    @rule(days=st.sampled_from([0, 1]))
    def retain_versions(self, days: int) -> None:
        default = f"<DefaultRetention><Mode>GOVERNANCE</Mode><Days>{days}</Days></DefaultRetention>"
        rule = f"<Rule>{default}</Rule>" if days else ""
        inner = f"<ObjectWormEnabled>Enabled</ObjectWormEnabled>{rule}"
        body = f"<ObjectWormConfiguration>{inner}</ObjectWormConfiguration>".encode()
        check(self.ask("PUT", query=[("objectWorm", "")], body=body), Told(200))
        self.model.retains_versions, self.model.default_days = True, days

    @precondition(lambda self: self.model.retains_versions)
    @rule(
        key=KEYS,
        which=WHICH,
        mode=st.sampled_from(["GOVERNANCE", "GOVERNANCE", "COMPLIANCE"]),
        days=st.sampled_from([1, 2]),
        bypass=RARELY,
    )
    def retain(self, key: str, which: int | None, mode: str, days: int, bypass: bool) -> None:
        version = self.version(key, which)
        # Not when a number of days has gone by: see `ModelWorld`.
        until = int(self.world.now()) + days * DAY + 20 * 60
        date = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(until))
        inner = f"<Mode>{mode}</Mode><RetainUntilDate>{date}</RetainUntilDate>"
        body = f"<Retention>{inner}</Retention>".encode()
        reply = self.ask(
            "PUT", key, version, query=[("retention", "")], body=body, headers=bypassing(bypass)
        )
        check(reply, self.model.retain(key, version, mode, until, bypass=bypass))

    @rule(key=KEYS, which=WHICH, status=st.sampled_from(["ON", "ON", "OFF"]))
    def hold(self, key: str, which: int | None, status: str) -> None:
        version = self.version(key, which)
        body = f"<LegalHold><Status>{status}</Status></LegalHold>".encode()
        reply = self.ask("PUT", key, version, query=[("legalHold", "")], body=body)
        check(reply, self.model.hold(key, version, status))

    # --- writing ---

    @rule(
        key=KEYS,
        body=BODIES,
        kind=CLASSES,
        tags=TAGS,
        meta=METAS,
        forbid=RARELY,
        cipher=CIPHERS,
    )
    def put(
        self,
        key: str,
        body: bytes,
        kind: str | None,
        tags: dict[str, str],
        meta: dict[str, str],
        forbid: bool,
        cipher: str = "",
    ) -> None:
        headers = written(kind, tags, meta)
        if cipher:
            headers["x-oss-server-side-encryption"] = cipher
        if forbid:
            headers["x-oss-forbid-overwrite"] = "true"
        reply = self.ask("PUT", key, body=body, headers=headers)
        given = reply.headers.get("x-oss-version-id")
        said = {"storage_class": kind or "Standard", "tags": tags, "meta": meta, "cipher": cipher}
        check(reply, self.model.put(key, given, body, forbid, **said))

    @rule(key=KEYS, to=KEYS, forbid=RARELY)
    def link(self, key: str, to: str, forbid: bool) -> None:
        headers = {"x-oss-symlink-target": quote(to)}
        if forbid:
            headers["x-oss-forbid-overwrite"] = "true"
        reply = self.ask("PUT", key, query=[("symlink", "")], headers=headers)
        given = reply.headers.get("x-oss-version-id")
        check(reply, self.model.link(key, given, to, forbid))

    @rule(key=KEYS, body=BODIES, off_by=st.sampled_from([0, 0, 0, 1]))
    def append(self, key: str, body: bytes, off_by: int) -> None:
        there = self.model.named(key)
        position = (0 if there is None else len(there.body)) + off_by
        query = [("append", ""), ("position", str(position))]
        reply = self.ask("POST", key, query=query, body=body)
        given, etag = (reply.headers.get(name) for name in ("x-oss-version-id", "etag"))
        check(reply, self.model.append(key, given, etag, position, body))

    @rule(
        source=KEYS,
        which=WHICH,
        key=KEYS,
        kind=CLASSES,
        tags=st.none() | TAGS,
        meta=st.none() | METAS,
    )
    def copy(
        self,
        source: str,
        which: int | None,
        key: str,
        kind: str | None,
        tags: dict[str, str] | None,
        meta: dict[str, str] | None,
    ) -> None:
        version = self.version(source, which)
        if source == key and not kind and self._is_appendable(source):
            kind = "IA"
        named = f"?versionId={version}" if version else ""
        headers = {"x-oss-copy-source": f"/{self.world.bucket}/{quote(source)}{named}"}
        headers |= written(kind, tags or {}, meta or {})
        if tags is not None:
            headers["x-oss-tagging-directive"] = "REPLACE"
        if meta is not None:
            headers["x-oss-metadata-directive"] = "REPLACE"
        if kind not in {None, "Standard", "IA"} and self._is_appendable(source):
            # What appendable objects may become has a test of its own.
            return
        reply = self.ask("PUT", key, headers=headers)
        given = reply.headers.get("x-oss-version-id")
        told = self.model.copy(
            source, version, key, given, storage_class=kind, meta=meta, tags=tags
        )
        check(reply, told)

    def _is_appendable(self, key: str) -> bool:
        return any(each.kind == "Appendable" for each in self.model.keys.get(key, []))

    @rule(key=KEYS, which=WHICH, bypass=RARELY)
    def delete(self, key: str, which: int | None, bypass: bool) -> None:
        version = self.version(key, which)
        reply = self.ask("DELETE", key, version, headers=bypassing(bypass))
        given = reply.headers.get("x-oss-version-id")
        check(reply, self.model.delete(key, version, given, bypass=bypass))

    @precondition(lambda self: self._staying())
    @rule(number=st.integers(0, 9), bypass=st.booleans(), body=BODIES)
    def try_what_must_stay(self, number: int, bypass: bool, body: bytes) -> None:
        """Replace it where that can be, and remove it."""
        staying = self._staying()
        key, version = staying[number % len(staying)]
        reply = self.ask("PUT", key, body=body)
        given = reply.headers.get("x-oss-version-id")
        said = {"storage_class": "Standard", "tags": {}, "meta": {}}
        check(reply, self.model.put(key, given, body, forbid_overwrite=False, **said))
        reply = self.ask("DELETE", key, version, headers=bypassing(bypass))
        given = reply.headers.get("x-oss-version-id")
        check(reply, self.model.delete(key, version, given, bypass=bypass))

    def _staying(self) -> list[tuple[str, str | None]]:
        return [
            (key, each.id if self.model.versioning else None)
            for key, each, _ in self.model.every()
            if self.model.stays(each)
        ]

    @rule(wanted=st.lists(st.tuples(KEYS, WHICH), min_size=1, max_size=4, unique_by=lambda w: w[0]))
    def delete_many(self, wanted: list[tuple[str, int | None]]) -> None:
        named = [(key, self.version(key, which)) for key, which in wanted]
        inner = "".join(
            f"<Object><Key>{key}</Key>{f'<VersionId>{v}</VersionId>' if v else ''}</Object>"
            for key, v in named
        )
        body = f"<Delete><Quiet>false</Quiet>{inner}</Delete>".encode()
        reply = self.ask("POST", query=[("delete", "")], body=body, headers=md5_of(body))
        if any(
            self.model.stays(each) for k, v in named for each in self.model.let_go_by_delete(k, v)
        ):
            # The others are gone even so.
            check(reply, Told(409, "FileImmutable"))
            for key, version in named:
                self.model.delete(key, version, UNKNOWN)
            self._meet_markers()
            return
        assert reply.status == 200, reply
        answered = {each.findtext("Key"): each for each in ET.fromstring(reply.body)}  # noqa: S314 - the server is ours
        for key, version in named:
            done = answered.pop(key)
            marker = done.findtext("DeleteMarkerVersionId")
            told = self.model.delete(key, version, marker)
            assert done.findtext("VersionId") == version
            assert done.findtext("DeleteMarker") == told.headers["x-oss-delete-marker"]
            if marker and version is not None:
                assert marker == version
        assert not answered

    # --- uploads in parts ---

    @rule(key=KEYS, kind=CLASSES, tags=TAGS, meta=METAS)
    def initiate(
        self, key: str, kind: str | None, tags: dict[str, str], meta: dict[str, str]
    ) -> None:
        reply = self.ask("POST", key, query=[("uploads", "")], headers=written(kind, tags, meta))
        check(reply, Told(200))
        said = {"storage_class": kind or "Standard", "tags": tags, "meta": meta}
        self.model.uploads[reply.element("UploadId")] = Upload(key, self.world.now(), said)

    @precondition(lambda self: self.model.uploads)
    @rule(which=st.integers(0, 9), number=st.integers(1, 2), body=BODIES)
    def upload_part(self, which: int, number: int, body: bytes) -> None:
        upload, begun = self._upload(which)
        query = [("partNumber", str(number)), ("uploadId", upload)]
        check(self.ask("PUT", begun.key, query=query, body=body), Told(200))
        begun.parts[number] = body

    @precondition(lambda self: self.model.uploads)
    @rule(which=st.integers(0, 9), forbid=RARELY)
    def complete(self, which: int, forbid: bool) -> None:
        upload, begun = self._upload(which)
        # Smaller parts are not completed (objects.md), but for the last one.
        if not begun.parts or any(len(begun.parts[n]) < 102_400 for n in sorted(begun.parts)[:-1]):
            return
        headers = {"x-oss-complete-all": "yes"}
        if forbid:
            headers["x-oss-forbid-overwrite"] = "true"
        reply = self.ask("POST", begun.key, query=[("uploadId", upload)], headers=headers)
        given = reply.headers.get("x-oss-version-id")
        check(reply, self.model.complete(upload, given, forbid))

    @precondition(lambda self: self.model.uploads)
    @rule(which=st.integers(0, 9))
    def abort(self, which: int) -> None:
        upload, begun = self._upload(which)
        check(self.ask("DELETE", begun.key, query=[("uploadId", upload)]), Told(204))
        del self.model.uploads[upload]

    def _upload(self, which: int) -> tuple[str, Upload]:
        ids = list(self.model.uploads)
        chosen = ids[which % len(ids)]
        return chosen, self.model.uploads[chosen]

    # --- reading ---

    @rule(key=KEYS, which=WHICH, method=st.sampled_from(["GET", "HEAD"]))
    def read(self, key: str, which: int | None, method: str) -> None:
        version = self.version(key, which)
        check(self.ask(method, key, version), self.model.read(key, version, method))

    @rule(key=KEYS, which=WHICH)
    def read_link(self, key: str, which: int | None) -> None:
        version = self.version(key, which)
        found = self.model.find(key, version)
        reply = self.ask("GET", key, version, query=[("symlink", "")])
        if isinstance(found, Told):
            check(reply, found)
        elif not found.is_link:
            check(reply, Told(400, "NotSymlink"))
        else:
            check(reply, Told(200, headers={"x-oss-symlink-target": quote(found.target)}))

    # --- what is said about a version ---

    @rule(key=KEYS, which=WHICH, tags=TAGS)
    def put_tags(self, key: str, which: int | None, tags: dict[str, str]) -> None:
        version = self.version(key, which)
        query, body = [("tagging", "")], tagging(tags)
        reply = self.ask("PUT", key, version, query=query, body=body)
        check(reply, self.model.describe(key, version, 200, tags=tags))

    @rule(key=KEYS, which=WHICH)
    def delete_tags(self, key: str, which: int | None) -> None:
        version = self.version(key, which)
        reply = self.ask("DELETE", key, version, query=[("tagging", "")])
        check(reply, self.model.describe(key, version, 204, tags={}))

    @rule(key=KEYS, which=WHICH)
    def get_tags(self, key: str, which: int | None) -> None:
        version = self.version(key, which)
        reply = self.ask("GET", key, version, query=[("tagging", "")])
        found = self.model.find(key, version)
        if isinstance(found, Told):
            check(reply, found)
            return
        tags = ET.fromstring(reply.body).iter("Tag")  # noqa: S314 - the server is ours
        assert {each.findtext("Key"): each.findtext("Value") or "" for each in tags} == found.tags

    @rule(key=KEYS, which=WHICH, acl=ACLS)
    def put_acl(self, key: str, which: int | None, acl: str) -> None:
        version = self.version(key, which)
        query, headers = [("acl", "")], {"x-oss-object-acl": acl}
        reply = self.ask("PUT", key, version, query=query, headers=headers)
        check(reply, self.model.describe(key, version, 200, acl=acl))

    @rule(key=KEYS, which=WHICH)
    def get_acl(self, key: str, which: int | None) -> None:
        version = self.version(key, which)
        found = self.model.find(key, version)
        reply = self.ask("GET", key, version, query=[("acl", "")])
        check(reply, found if isinstance(found, Told) else Told(200))
        if not isinstance(found, Told):
            assert reply.element("Grant") == found.acl

    @rule(key=KEYS, which=WHICH, days=st.sampled_from([1, 2, 7]))
    def restore(self, key: str, which: int | None, days: int) -> None:
        self._restore(key, self.version(key, which), days)

    @precondition(lambda self: self._frozen())
    @rule(
        number=st.integers(0, 9),
        days=st.lists(st.sampled_from([1, 2, 7]), min_size=1, max_size=3),
        steps=st.sampled_from([1, 37, 75, 130]),
    )
    def restore_what_is_frozen(self, number: int, days: list[int], steps: int) -> None:
        """Again and again, so that it can be read for longer, and for how long is seen."""
        frozen = self._frozen()
        key, version = frozen[number % len(frozen)]
        for each in days:
            self._restore(key, version, each)
            self.wait(2)
        # A copy of what is restored is not.
        self.copy(key, self._number(key, version), "l", "Archive", None, None)
        self.wait(steps)
        check(self.ask("GET", key, version), self.model.read(key, version, "GET"))

    def _number(self, key: str, version: str | None) -> int | None:
        if version is None:
            return None
        ids = [each.id for each in self.model.keys.get(key, [])]
        # A rule may have removed it.
        return ids.index(version) if version in ids else GONE

    def _frozen(self) -> list[tuple[str, str | None]]:
        return [
            (key, each.id if self.model.versioning else None)
            for key, each, _ in self.model.every()
            if each.storage_class in FROZEN and not each.is_marker
        ]

    def _restore(self, key: str, version: str | None, days: int) -> None:
        body = f"<RestoreRequest><Days>{days}</Days></RestoreRequest>".encode()
        reply = self.ask("POST", key, version, query=[("restore", "")], body=body)
        check(reply, self.model.restore(key, version, days))

    @rule(key=KEYS, which=WHICH)
    def clean(self, key: str, which: int | None) -> None:
        version = self.version(key, which)
        reply = self.ask("POST", key, version, query=[("cleanRestoredObject", "")])
        check(reply, self.model.clean(key, version))

    # --- listing ---

    @rule(
        prefix=st.sampled_from(["", "", "a", "a/", "é"]),
        delimiter=st.sampled_from(["", "/", "/"]),
        most=st.integers(1, 5),
    )
    def list_objects(self, prefix: str, delimiter: str, most: int) -> None:
        expected = self._pages(prefix, delimiter, [
            key for key, _, is_latest in self.model.every() if is_latest and self.model.named(key)
        ])  # fmt: skip
        found: list[str] = []
        query = listing("list-type=2", prefix, delimiter, most)
        token: tuple[tuple[str, str], ...] = ()
        while True:
            root = self._page([*query, *token], most)
            found += names(root, "Contents")
            if root.findtext("IsTruncated") == "false":
                break
            token = (("continuation-token", root.findtext("NextContinuationToken") or ""),)
        assert sorted(found, key=str.encode) == expected

    @rule(
        prefix=st.sampled_from(["", "", "a", "a/"]),
        delimiter=st.sampled_from(["", "/"]),
        most=st.integers(1, 5),
    )
    def list_versions(self, prefix: str, delimiter: str, most: int) -> None:
        rolled = self._pages(prefix, delimiter, list(self.model.keys))
        expected = []
        for name in rolled:
            versions = self.model.keys.get(name, []) if not name.endswith("/") else []
            expected += [f"{name} {each.id}" for each in versions] or [name]
        found: list[str] = []
        query = listing("versions", prefix, delimiter, most)
        markers: tuple[tuple[str, str], ...] = ()
        while True:
            root = self._page([*query, *markers], most)
            found += names(root, "Version", "DeleteMarker")
            if root.findtext("IsTruncated") == "false":
                break
            markers = tuple(
                (name, unquote(root.findtext(f"Next{element}") or ""))
                for name, element in (
                    ("key-marker", "KeyMarker"),
                    ("version-id-marker", "VersionIdMarker"),
                )
            )
        assert sorted(found) == sorted(expected)

    def _page(self, query: list[tuple[str, str]], most: int) -> ET.Element:
        reply = self.ask("GET", query=query)
        assert reply.status == 200, reply
        root = ET.fromstring(reply.body)  # noqa: S314 - the server is ours
        listed = names(root, "Contents", "Version", "DeleteMarker")
        assert len(listed) == most or root.findtext("IsTruncated") == "false", reply
        return root

    def _pages(self, prefix: str, delimiter: str, keys: list[str]) -> list[str]:
        """Names that a listing has, common prefixes among them."""
        found = set()
        for key in keys:
            if key.startswith(prefix):
                head, behind, _ = key[len(prefix) :].partition(delimiter or "\0")
                found.add(prefix + head + delimiter if behind else key)
        return sorted(found, key=str.encode)

    @invariant()
    def everything_is_the_same(self) -> None:
        self.steps += 1
        if self.steps % _LOOKS_EVERY == 0:
            self._look()

    def _look(self) -> None:
        reply = self.ask("GET", query=[("versions", ""), ("max-keys", "1000")])
        listed = []
        for each in ET.fromstring(reply.body):  # noqa: S314 - the server is ours
            if each.tag in {"Version", "DeleteMarker"}:
                restored = (each.findtext("RestoreInfo") or "").partition(",")[0] or None
                listed.append((
                    each.findtext("Key"), each.findtext("VersionId"), each.findtext("IsLatest"),
                    each.findtext("Type"), each.findtext("Size"), each.findtext("ETag"),
                    each.findtext("StorageClass"), restored,
                ))  # fmt: skip
        expected = []
        for key, each, is_latest in self.model.every():
            about: tuple[str | None, ...] = (None,) * 5
            if not each.is_marker:
                about = (each.kind, str(len(each.body)), f'"{each.etag}"', each.storage_class,
                         self.model.restoring(each))  # fmt: skip
            expected.append((key, each.id, "true" if is_latest else "false", *about))
        assert listed == expected
        stat = self.ask("GET", query=[("stat", "")])
        counted = self.model.stat()
        assert {name: int(stat.element(name)) for name in counted} == counted

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self._look()
            # The worker is not to go through it for ever.
            self.ask("DELETE", query=[("lifecycle", "")])
            self.model.rules = []
            for key, each, _ in self.model.every():
                version = each.id if self.model.versioning else None
                check(self.ask("GET", key, version), self.model.read(key, version, "GET"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelWorld]:
    scratch = tmp_path_factory.mktemp("model")
    clock = scratch / "clock"
    clock.write_text("0")
    environment = {"OSSIA_TEST_CLOCK_FILE": str(clock)}
    flags = ("--restore-times", "3600", "--workers", "1", "--lifecycle-interval", "0.01")
    with running_server(scratch / "server", *flags, environment=environment) as server:
        world = ModelWorld(server, clock)
        yield world
        world.close()


@pytest.mark.slow
def test_the_server_does_what_the_reference_model_does(world: ModelWorld) -> None:
    class Machine(BesideTheServer):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            derandomize=not LONG,
            database=None,
            deadline=None,
            max_examples=-(-LONG // _STEPS) or _EXAMPLES,
            stateful_step_count=_STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
