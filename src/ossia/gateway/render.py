"""From answers and errors to responses.  The only place that renders errors."""

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

from ossia.api.admin.openapi import AdminError, ErrorDetail
from ossia.api.call import Call
from ossia.api.operation import Answer, headers_of
from ossia.errors import NotModified, OssError
from ossia.http.message import BODILESS, Response
from ossia.protocol.xml import HEADER, readable_tag

_SANDBOX: Final = ("Content-Security-Policy", "sandbox")
_NO_SNIFFING: Final = ("X-Content-Type-Options", "nosniff")
_PDF: Final = "application/pdf"
"""Browsers show it in a viewer that has no access to the page's origin, and not in a sandbox."""

_RECOMMEND = "https://api.aliyun.com/troubleshoot?q="


def render_answer(call: Call, answer: Answer) -> Response:
    """The response that *answer* stands for."""
    status = answer.status
    headers = headers_of(answer)
    body = answer.body(call)
    if body or status not in BODILESS:
        spans = answer.spans
        length = answer.length()
        if body or spans or length is not None:
            content_type = answer.body_type()
            headers.append(("Content-Type", content_type))
            # At such addresses all buckets and the console are one origin.
            if not call.in_host and answer.is_foreign():
                headers.append(_NO_SNIFFING)
                if content_type != _PDF:
                    headers.append(_SANDBOX)
        response = Response(status, headers, body, spans, length, answer.rate, answer.is_coded)
        if call.flow is not None:
            call.flow.slow(response)
        return response
    return Response(status, headers)


def render_error(error: OssError, *, request_id: str, host: str, is_head: bool = False) -> Response:
    """The error document of OSS; for HEAD in the header ``x-oss-err``, as Base64."""
    headers = list(error.headers.items())
    if isinstance(error, NotModified):
        # oss2 maps (304, "") to NotModified: a code in a header would break that.
        return Response(error.status, headers)
    content = error_document(error, request_id=request_id, host=host)
    if error.ec:
        headers.append(("x-oss-ec", error.ec))
    if is_head:
        headers.append(("x-oss-err", base64.b64encode(content).decode()))
        return Response(error.status, headers)
    headers.append(("Content-Type", "application/xml"))
    return Response(error.status, headers, content)


def render_json_error(error: OssError, *, request_id: str, is_head: bool = False) -> Response:
    """The same for the admin API: ``{"error":{"code","message","request_id","details"}}``."""
    content = msgspec.json.encode(
        AdminError(
            error=ErrorDetail(
                code=error.code,
                message=error.text,
                request_id=request_id,
                details=_flat(error.details),
            )
        )
    )
    headers = [*error.headers.items(), ("Content-Type", "application/json")]
    return Response(error.status, headers, b"" if is_head else content)


def _element(name: str, value: object) -> str:
    if isinstance(value, Mapping):
        return (
            f"<{name}>{''.join(readable_tag(each, text) for each, text in value.items())}</{name}>"
        )
    return readable_tag(name, value)


def _flat(details: Mapping[str, object]) -> dict[str, str]:
    """Details without the groups that the XML has."""
    found: dict[str, str] = {}
    for name, value in details.items():
        found |= _flat(value) if isinstance(value, Mapping) else {name: str(value)}
    return found


def error_document(error: OssError, *, request_id: str, host: str) -> bytes:
    """``<Error>`` with the elements that every OSS error has, then the details."""
    parts = [
        HEADER,
        "<Error>",
        readable_tag("Code", error.code),
        readable_tag("Message", error.text),
        readable_tag("RequestId", request_id),
        readable_tag("HostId", host),
        *(_element(name, value) for name, value in error.details.items()),
    ]
    if error.ec:
        parts += [
            readable_tag("EC", error.ec),
            readable_tag("RecommendDoc", f"{_RECOMMEND}{error.ec}"),
        ]
    parts.append("</Error>")
    return "".join(parts).encode()
