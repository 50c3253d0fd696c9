"""CORS: the headers of cross-origin answers, and preflight (buckets.md, section 4.1)."""

from ossia.domain.buckets.buckets import CORS
from ossia.errors import AccessForbidden, InvalidArgument
from ossia.http.message import Response
from ossia.protocol.cors import CorsConfiguration, CorsRule, stored_cors
from ossia.records import Bucket


def configuration_of(bucket: Bucket | None) -> CorsConfiguration | None:
    """The CORS rules of a bucket, if it has any."""
    if bucket is None or CORS not in bucket.documents:
        return None
    return stored_cors(bucket.documents[CORS])


def add_headers(
    response: Response, bucket: Bucket | None, headers: dict[bytes, bytes], method: str
) -> None:
    """Let the page at ``Origin`` read the answer, if a rule of the bucket says so."""
    configuration = configuration_of(bucket)
    if configuration is None:
        return
    origin = headers.get(b"origin", b"").decode("latin-1")
    rule = configuration.find(origin, method)
    if rule is None:
        if configuration.vary:
            response.headers.append(("Vary", "Origin"))
        return
    response.headers.extend(_common(configuration, rule, origin))


def preflight(bucket: Bucket, headers: dict[bytes, bytes]) -> Response:
    """Answer OPTIONS.  Raises `AccessForbidden` where no rule allows what is asked."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    method = headers.get(b"access-control-request-method", b"").decode("latin-1")
    if not origin or not method:
        missing = "Access-Control-Request-Method" if origin else "Origin"
        raise InvalidArgument(
            f"A preflight request needs the header {missing}.", ArgumentName=missing
        )
    configuration = configuration_of(bucket)
    if configuration is None:
        raise AccessForbidden(
            "CORSResponse: CORS is not enabled for this bucket.",
            Method=method,
            ResourceType="OBJECT",
        )
    asked = headers.get(b"access-control-request-headers", b"").decode("latin-1")
    names = [name.strip() for name in asked.split(",") if name.strip()]
    rule = configuration.find(origin, method, names)
    if rule is None:
        raise AccessForbidden(Method=method, ResourceType="OBJECT")
    answer = _common(configuration, rule, origin)
    answer.append(("Access-Control-Allow-Methods", ", ".join(rule.methods)))
    if names:
        answer.append(("Access-Control-Allow-Headers", ", ".join(names)))
    if rule.max_age_s is not None:
        answer.append(("Access-Control-Max-Age", str(rule.max_age_s)))
    return Response(200, answer)


def _common(configuration: CorsConfiguration, rule: CorsRule, origin: str) -> list[tuple[str, str]]:
    anyone = "*" in rule.origins
    headers = [("Access-Control-Allow-Origin", "*" if anyone else origin)]
    if not anyone:
        headers.append(("Access-Control-Allow-Credentials", "true"))
    if rule.exposed:
        headers.append(("Access-Control-Expose-Headers", ", ".join(rule.exposed)))
    if configuration.vary or not anyone:
        headers.append(("Vary", "Origin"))
    return headers
