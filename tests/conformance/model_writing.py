"""The machine beside a server: everything that writes."""

import xml.etree.ElementTree as ET
from urllib.parse import quote

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule
from model_machine import (
    BODIES,
    CIPHERS,
    CLASSES,
    KEYS,
    METAS,
    RARELY,
    TAGS,
    WHICH,
    Beside,
)
from model_requests import (
    bypassing,
    md5_of,
    written,
)
from model_world import check
from reference_records import UNKNOWN, Told, Upload


class Writing(Beside):
    """Writes as clients do, and removes."""

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
        if refusal := self.model.overwrites(key, forbid_overwrite=False):
            check(reply, refusal)
            return
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
