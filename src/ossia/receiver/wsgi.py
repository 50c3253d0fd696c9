"""The target of a request as WSGI servers tell it.  What the modules for Flask and Django share."""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

# WSGI decodes the path.  Gunicorn and Werkzeug tell the raw target, too; uWSGI, mod_wsgi and
# Werkzeug do so under the other name; wsgiref does not.
_RAW_TARGETS: Final = ("RAW_URI", "REQUEST_URI")


def target_of(environ: Mapping[str, Any], path: bytes) -> tuple[str, str]:
    """Path and query, not decoded.  *path* is the decoded one, for servers that tell no other.

    What is signed is the decoded path, so to escape it again loses nothing.
    """
    for name in _RAW_TARGETS:
        raw = environ.get(name, "")
        if raw.startswith("/"):
            before, _, query = raw.partition("?")
            return before, query
    return quote(path), environ.get("QUERY_STRING", "")
