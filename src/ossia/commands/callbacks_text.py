"""Deliveries as a person reads them on a terminal.

What receivers and uploaders have written is untrusted: see `terminal`.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import click

from ossia.commands.terminal import safe

Row = Mapping[str, Any]

_ASKS_WHO: Final = frozenset({400, 401, 403})
_COLOURS: Final = {"likely": "red", "possible": "yellow", "no": "green"}
_TAB: Final = "\t"
_WIDEST_UPLOAD: Final = 44
_WIDEST_URL: Final = 48


def when(text: str) -> str:
    """A time of the API in the local zone."""
    return datetime.fromisoformat(text).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def table(rows: Sequence[Row]) -> Iterator[str]:
    """One line for each row, newest first as they come."""
    if not rows:
        return
    uploads = [_short(f"{row['bucket']}/{row['key']}", _WIDEST_UPLOAD) for row in rows]
    urls = [_short(row["url"], _WIDEST_URL) for row in rows]
    widths = max(map(len, uploads)), max(map(len, urls))
    yield click.style(
        f"{'ID':<24}  {'WHEN':<19}  {'UPLOAD':<{widths[0]}}  {'TO':<{widths[1]}}  RESULT", bold=True
    )
    for row, upload, url in zip(rows, uploads, urls, strict=True):
        yield (
            f"{row['id']:<24}  {when(row['at'])}  {upload:<{widths[0]}}  {url:<{widths[1]}}  "
            f"{result(row)}"
        )


def line(row: Row) -> str:
    """One row by itself, with its explanation below if it failed."""
    head = (
        f"{row['id']}  {when(row['at'])}  {row['kind']:<7}  "
        f"{safe(row['bucket'] + '/' + row['key'])} -> {safe(row['url'])}  {result(row)}"
    )
    if row["accepted"]:
        return head
    return "\n".join([head, *(f"    {safe(each)}" for each in row["explanation"])])


def result(row: Row) -> str:
    """What came of it, in a few words."""
    answer = row["status"] or row["fault"] or row["verdict"] or "not sent"
    took = f" in {row['total_ms']:,.0f} ms" if row["total_ms"] else ""
    if row["accepted"]:
        return click.style(f"accepted {answer}{took}", fg="green")
    return click.style(safe(f"failed {answer}{took}"), fg="red")


def _short(text: str, width: int) -> str:
    shown = safe(text)
    if len(shown) <= width:
        return shown
    head = width // 2
    return f"{shown[:head]}…{shown[len(shown) - (width - head - 1) :]}"


def page(row: Row, *, with_signature: bool = False) -> Iterator[str]:
    """Everything about one attempt."""
    yield f"{click.style(row['id'], bold=True)}  {when(row['at'])}  {row['kind']} {row['attempt']}"
    by = f" by {safe(row['requester'])}" if row["requester"] else ""
    yield (
        f"{safe(row['bucket'])}/{safe(row['key'])}  ({row['operation']}{by}, request "
        f"{row['request_id']})"
    )
    yield f"POST {safe(row['url'])}  {result(row)}"
    if row["verdict"]:
        yield f"The uploader was told: {safe(row['verdict'])} (EC {row['ec'] or 'none'})"
    yield ""
    for number, each in enumerate(row["explanation"]):
        yield click.style(f"  {safe(each)}", bold=number == 0)
    yield from _timings(row["timings"])
    yield from _section("Request", row["headers"], row["body"], cut=row["is_cut"])
    if row["status"] is not None:
        yield from _section(f"Answer {row['status']}", row["reply_headers"], row["reply_body"])
    if with_signature or row["status"] in _ASKS_WHO:
        yield from _signature(row["signature"])


def _timings(timings: Mapping[str, float]) -> Iterator[str]:
    yield ""
    phases = [
        f"{name.removesuffix('_ms').replace('_', ' ')} {spent:,.1f} ms"
        for name, spent in timings.items()
        if spent
    ]
    yield click.style("Time  ", bold=True) + (" · ".join(phases) or "nothing was sent")


def _section(
    title: str, headers: Mapping[str, str], body: Mapping[str, str | None], *, cut: bool = False
) -> Iterator[str]:
    yield ""
    yield click.style(title, bold=True)
    for name, value in headers.items():
        yield f"  {click.style(safe(name), dim=True)}: {safe(value)}"
    yield ""
    yield from _bytes(body)
    if cut:
        yield "  … (the log holds only the beginning)"


def _bytes(shown: Mapping[str, str | None]) -> Iterator[str]:
    text = shown["text"]
    if text is None:
        yield f"  (not UTF-8; as Base64) {shown['base64']}"
        return
    for each in text.replace("\r\n", "\n").split("\n") if text else ["(empty)"]:
        yield f"  {safe(each, keep=_TAB)}"


def _signature(signature: Mapping[str, Any]) -> Iterator[str]:
    yield ""
    yield click.style("String to sign", bold=True)
    yield from _bytes(signature["string_to_sign"])
    if signature["command"]:
        yield ""
        yield click.style("Verify it (prints Verified OK)", bold=True)
        yield f"  {signature['command']}"
    yield ""
    yield click.style("Usual mistakes", bold=True)
    for each in signature["mistakes"]:
        mark = click.style(f"{each['likelihood']:<8}", fg=_COLOURS[each["likelihood"]])
        yield f"  {mark}  {each['name']}: {safe(each['text'])}"


def pending_line(row: Row) -> str:
    """One callback that is owed."""
    state = "given up" if row["dead"] else f"next try {when(row['not_before'])}"
    error = f": {safe(row['last_error'])}" if row["last_error"] else ""
    return (
        f"{row['id']}  {safe(row['bucket'] + '/' + row['key'])} -> {safe(row['urls'][0])}  "
        f"{row['attempts']} tries, {state}{error}"
    )
