"""Where a server for tests is and who may do everything there."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ossia.client.signing_client import Pairs, Reply, SigningClient
from ossia.testing.clock import MovableClock


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """An address and the root key.  *clock* is the server's where it is not the real one."""

    endpoint: str
    region: str
    account_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    clock: MovableClock | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What SDKs and tools read from the environment."""
        return {
            "OSS_ENDPOINT": self.endpoint,
            "OSS_REGION": self.region,
            "OSS_ACCESS_KEY_ID": self.access_key_id,
            "OSS_ACCESS_KEY_SECRET": self.access_key_secret,
        }

    def client(self) -> SigningClient:
        """Signs with the root key, and shows what comes back as it is."""
        return SigningClient(self.endpoint, self.access_key_id, self.access_key_secret, self.region)

    def request(
        self,
        method: str,
        bucket: str = "",
        key: str = "",
        *,
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Reply:
        """The answer to one request, signed with the root key at the time of the server."""
        now_ms = None if self.clock is None else self.clock.now_ms()
        return self.client().request(
            method, bucket, key, query=query, headers=headers, body=body, now_ms=now_ms
        )
