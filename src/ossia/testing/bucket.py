"""A bucket for one test, with assertions that tell what is there instead."""

import secrets
from collections.abc import Mapping
from html import unescape
from re import findall
from typing import Final
from urllib.parse import unquote_plus

from ossia.client.signing_client import Reply
from ossia.testing.access import Access
from ossia.testing.differences import differing, differing_bytes, similar

_OK: Final = 200
_NOT_FOUND: Final = 404


def fresh_name() -> str:
    """A name that no bucket has."""
    return f"test-{secrets.token_hex(10)}"


class TestBucket:
    """A bucket of its own at a server; `close` removes it with all that it holds."""

    __test__ = False  # pytest: no class of tests

    def __init__(self, access: Access, name: str = "") -> None:
        self.access = access
        self.name = name or fresh_name()
        self.endpoint = access.endpoint
        self.region = access.region
        self.access_key_id = access.access_key_id
        self.access_key_secret = access.access_key_secret
        made = access.request("PUT", self.name)
        if made.status != _OK:
            raise ValueError(
                f"The bucket {self.name!r} cannot be made: {made.code}: {made.element('Message')}"
            )

    @property
    def environment(self) -> dict[str, str]:
        """What SDKs and tools read from the environment, and OSS_BUCKET."""
        return {**self.access.environment, "OSS_BUCKET": self.name}

    def put(
        self, key: str, content: bytes | str = b"", headers: Mapping[str, str] | None = None
    ) -> Reply:
        """Store an object; the answer as it came, 203 and refusals included."""
        body = content.encode() if isinstance(content, str) else content
        return self.access.request("PUT", self.name, key, headers=headers, body=body)

    def get(self, key: str) -> Reply:
        """Fetch an object; the answer as it came."""
        return self.access.request("GET", self.name, key)

    def delete(self, key: str) -> Reply:
        """Delete an object; the answer as it came."""
        return self.access.request("DELETE", self.name, key)

    def url(self, method: str, key: str, *, lifetime_s: int = 3600) -> str:
        """A presigned URL."""
        return self.access.client().url(method, self.name, key, lifetime_s=lifetime_s)

    def keys(self, prefix: str = "") -> list[str]:
        """The key of every object that begins with *prefix*, in order."""
        found: list[str] = []
        start = ""
        while True:
            page = self._listed(prefix, start)
            found += [unquote_plus(unescape(key)) for key in findall("<Key>(.*?)</Key>", page)]
            if "<IsTruncated>true" not in page:
                return found
            start = found[-1]

    def assert_object(
        self,
        key: str,
        content: bytes | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Assert that an object is there, with this content and these headers where given."""
        __tracebackhide__ = True
        found = self.get(key)
        if found.status == _NOT_FOUND:
            raise AssertionError(self._no_object(key))
        if found.status != _OK:
            raise AssertionError(
                f"{self.name}/{key} cannot be read: {found.status} {found.code}: "
                f"{found.element('Message')}"
            )
        lines = []
        if content is not None:
            wanted = content.encode() if isinstance(content, str) else content
            lines += differing_bytes(wanted, found.body)
        given = {name.lower(): value for name, value in (headers or {}).items()}
        lines += [f"header {line}" for line in differing(given, found.headers)]
        if lines:
            told = "\n  ".join(lines)
            raise AssertionError(f"{self.name}/{key} is not what was expected:\n  {told}")
        return found

    def assert_no_object(self, key: str) -> None:
        """Assert that no object has this key."""
        __tracebackhide__ = True
        found = self.get(key)
        if found.status != _NOT_FOUND:
            raise AssertionError(
                f"{self.name}/{key} is there: {found.status}, {len(found.body)} bytes, "
                f"last modified {found.headers.get('last-modified', 'at no known time')}."
            )

    def close(self) -> None:
        """Remove the bucket, unless something in it must be kept."""
        for key in self.keys():
            self.delete(key)
        self.access.request("DELETE", self.name)

    def _listed(self, prefix: str, start: str) -> str:
        query = [("list-type", "2"), ("max-keys", "1000"), ("encoding-type", "url")]
        query += [("prefix", prefix), ("start-after", start)]
        return self.access.request("GET", self.name, query=query).body.decode()

    def _no_object(self, key: str) -> str:
        there = self.keys()
        if not there:
            return f"{self.name}/{key} does not exist; the bucket is empty."
        close = similar(key, there)
        if close:
            return f"{self.name}/{key} does not exist; similar: {', '.join(map(repr, close))}."
        shown = ", ".join(map(repr, there[:10])) + ", …" * (len(there) > 10)  # noqa: PLR2004 - enough to see
        return f"{self.name}/{key} does not exist; the bucket holds {len(there)}: {shown}."
