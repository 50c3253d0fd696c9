"""The machine beside a server: everything that is read, listed, and said about a version."""

import xml.etree.ElementTree as ET
from urllib.parse import quote, unquote

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from model_machine import (
    ACLS,
    GONE,
    KEYS,
    TAGS,
    WHICH,
)
from model_requests import (
    listing,
    names,
    tagging,
)
from model_world import check
from model_writing import Writing
from reference_records import FROZEN, Told


class Reading(Writing):
    """Reads what was written, and describes it."""

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
