"""The pages that need no bundle: the list of uploads, and how to build the upload page."""

import base64
from collections.abc import Iterable
from hashlib import sha256
from html import escape
from typing import Final

from ossia.appserver.uploads import Upload

_STYLE: Final = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 15%, transparent) }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.4rem }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100% }
th, td { text-align: left; padding: .5rem .75rem .5rem 0; border-bottom: 1px solid var(--line) }
td { overflow-wrap: anywhere; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
code { font-family: ui-monospace, monospace }
"""


def style_digest() -> str:
    """How a Content-Security-Policy names the one style of these pages."""
    return f"sha256-{base64.b64encode(sha256(_STYLE.encode()).digest()).decode()}"


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{title}</h1>{content}</body></html>"
    )


def missing_bundle_page() -> str:
    """Shown where the upload page belongs and was not built."""
    return _page(
        "The upload page is not built",
        "<p>Run <code>make web</code> in the source folder of Ossia, then reload. "
        "Everything else of this server works without it.</p>",
    )


def uploads_page(uploads: Iterable[Upload]) -> str:
    """The uploads as a table."""
    rows = "".join(_row(upload) for upload in uploads)
    if not rows:
        return _page("Uploads", '<p>Nothing was uploaded yet. <a href="/">Upload a file</a></p>')
    head = (
        "<tr><th>When (UTC)</th><th>Object</th><th>Type</th>"
        '<th class="number">Size</th><th class="number">Pixels</th><th>Variables</th></tr>'
    )
    return _page(
        "Uploads",
        f'<p><a href="/">Upload a file</a></p><div class="wide"><table><thead>{head}</thead>'
        f"<tbody>{rows}</tbody></table></div>",
    )


def _row(upload: Upload) -> str:
    shown = upload.shown()
    pixels = f"{upload.width} x {upload.height}" if upload.width and upload.height else ""
    variables = "<br>".join(
        f"{escape(name)} = {escape(value)}" for name, value in upload.variables.items()
    )
    when = escape(shown["when"].replace("T", " ").removesuffix("Z"))
    size = "" if upload.size is None else f"{upload.size:,}"
    return (
        f"<tr><td>{when}</td><td>{escape(upload.bucket)}/{escape(upload.object)}</td>"
        f'<td>{escape(upload.mime_type)}</td><td class="number">{size}</td>'
        f'<td class="number">{pixels}</td><td>{variables}</td></tr>'
    )
