"""What services beside OSS that only show something have in common."""

from ossia.errors import MethodNotAllowed
from ossia.http.message import Request, Response


def only_read(request: Request) -> None:
    """Raise `MethodNotAllowed` for everything but GET and HEAD."""
    if request.method not in (b"GET", b"HEAD"):
        raise MethodNotAllowed(Method=request.method.decode("latin-1"))


def shown(request: Request, content_type: str, body: bytes) -> Response:
    """What is so at this moment only: *body*, or how long it is, for HEAD."""
    headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
    if request.method == b"HEAD":
        return Response(200, headers, length=len(body))
    return Response(200, headers, body)
