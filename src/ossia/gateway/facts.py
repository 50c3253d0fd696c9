"""What every request of the services beside OSS has under condition keys.

The gateway's permission reads these lazily, and many more, for requests of OSS itself.
"""

from collections.abc import Sequence

from ossia.http.message import Request
from ossia.protocol.dates import format_iso_seconds


def request_facts(request: Request, now_ms: int) -> dict[str, Sequence[str]]:
    """The facts about *request*, by condition key."""
    return {
        "acs:SourceIp": [request.peer],
        "acs:CurrentTime": [format_iso_seconds(now_ms)],
        "acs:SecureTransport": ["true" if request.secure else "false"],
        "acs:UserAgent": [request.headers.get(b"user-agent", b"").decode("latin-1")],
    }
