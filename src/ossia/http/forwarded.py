"""For whom a proxy speaks: the client's address and scheme in what the operator's proxies add.

Rules:

1. Only who connects from a network that the operator named is believed.  That is decided once for
   each connection: requests of all others do not come here.
2. ``X-Forwarded-For`` is read from its end, where the nearest proxy writes.  The client is the
   first address that is no proxy itself: whatever stands before it, he may have made up.
3. What is no address ends the walk; the last address before it counts.
4. ``X-Forwarded-Proto`` says ``https`` or it does not; of several the last, the nearest proxy's.
"""

import re
from collections.abc import Awaitable, Callable, Collection
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

from ossia.http.message import Request, Response

Network = IPv4Network | IPv6Network

_FARTHEST = 32
"""So many proxies may stand in a row: what a request costs has a bound."""
_SHORT = 64
_CLIENTS = 1024
"""What so many clients have in a header so short is read once: a walk takes 5 µs."""
_EITHER = rb"([0-9A-Fa-f:.]{2,45})"
_PORT = rb":[0-9]{1,5}"
_ENTRY = re.compile(rb"([0-9.]{7,15})%b|%b|\[%b\](?:%b)?" % (_PORT, _EITHER, _EITHER, _PORT))
"""What may be an address, some with a port: ``192.0.2.1:80``, ``[2001:db8::1]:80``."""


class Proxies:
    """The networks whose peers are believed."""

    def __init__(self, networks: Collection[Network] = ()) -> None:
        self._networks = tuple(networks)
        self._remembered = lru_cache(_CLIENTS)(self._walk)

    def __contains__(self, peer: str) -> bool:
        """Whether who connects from the address *peer* is believed."""
        if not self._networks:
            return False
        address = _read(peer)
        return address is not None and self._has(address)

    def client_of(self, peer: str, forwarded: bytes) -> str:
        """The client's address, of what the proxy *peer* says in ``X-Forwarded-For``."""
        walk = self._remembered if len(forwarded) <= _SHORT else self._walk
        return walk(peer, forwarded)

    def _walk(self, peer: str, forwarded: bytes) -> str:
        client = peer
        for entry in reversed(forwarded.rsplit(b",", _FARTHEST)[-_FARTHEST:]):
            address = _read_entry(entry)
            if address is None:
                break
            client = str(address)
            if not self._has(address):
                break
        return client

    def _has(self, address: IPv4Address | IPv6Address) -> bool:
        return any(address in network for network in self._networks)


NO_PROXIES = Proxies()


def revealing(
    handler: Callable[[Request], Awaitable[Response]], proxies: Proxies
) -> Callable[[Request], Awaitable[Response]]:
    """*handler* for connections of *proxies*: it sees the client's address and scheme."""

    def handle(request: Request) -> Awaitable[Response]:
        headers = request.headers
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is not None:
            request.peer = proxies.client_of(request.peer, forwarded)
        scheme = headers.get(b"x-forwarded-proto")
        if scheme is not None:
            request.secure = scheme.rpartition(b",")[2].strip().lower() == b"https"
        return handler(request)

    return handle


def _read_entry(entry: bytes) -> IPv4Address | IPv6Address | None:
    found = _ENTRY.fullmatch(entry.strip(b" \t"))
    return None if found is None else _read(found[found.lastindex or 0].decode())


def _read(text: str) -> IPv4Address | IPv6Address | None:
    """An address, of whatever kind of socket: of a dual-stack one 192.0.2.1 is ::ffff:192.0.2.1."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
