"""W3C Trace Context: which headers of a request belong to a distributed trace.

Source: the W3C recommendation "Trace Context" (level 1), sections 3.2 and 3.3.  A header that is
not well formed is ignored, as the recommendation asks.
"""

import re
from collections.abc import Mapping
from typing import Final

_PARENT: Final = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]*)?")
_INVALID: Final = (b"ff-", b"-" + b"0" * 32 + b"-", b"-" + b"0" * 16 + b"-")
_STATE: Final = re.compile(rb"[ -~]{1,512}")


def trace_headers(headers: Mapping[bytes, bytes]) -> dict[str, str]:
    """``traceparent`` and ``tracestate`` of a request; empty without a valid parent."""
    parent = headers.get(b"traceparent", b"")
    version, trace_id, parent_id = _INVALID
    if not _PARENT.fullmatch(parent) or parent.startswith(version):
        return {}
    if trace_id in parent or parent_id in parent[35:]:
        return {}
    found = {"traceparent": parent.decode("ascii")}
    state = headers.get(b"tracestate", b"")
    if _STATE.fullmatch(state):
        found["tracestate"] = state.decode("ascii")
    return found
