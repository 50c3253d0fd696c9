"""Why a callback was not accepted, and what to do: a cause, a remedy and at most one note.

Pure: everything is read from the delivery.  `reply_advice` knows what answers mean,
`template_advice` what templates get wrong, `signature_advice` what a refused signature is checked
for.

1. A cause states what happened, with the value that matters; a remedy is something to do.
2. Three lines at most, and none of them needs another page to be understood.
"""

import re
from collections.abc import Callable
from typing import Final

from ossia.domain.callbacks.callbacks import TOO_MANY
from ossia.domain.callbacks.reply_advice import refused, unusable
from ossia.domain.callbacks.seen_delivery import Advice, SeenDelivery, in_ms
from ossia.domain.callbacks.template_advice import template_fault
from ossia.ports import CallbackFault
from ossia.protocol.address_policy import SETTING, parse_host
from ossia.records import Delivery

_OK: Final = 200
_IMAGE_FAULTS: Final = ("0007-00000301", "0007-00000302", "0007-00000303")


def explain(delivery: Delivery) -> Advice:
    """The cause in words and the remedy."""
    seen = SeenDelivery(delivery)
    if delivery.accepted:
        return _accepted(seen)
    if delivery.fault:
        return _FAULTS.get(delivery.fault, _other_fault)(seen)
    if delivery.status is None:
        return _not_sent(seen)
    return refused(seen) if delivery.status != _OK else unusable(seen)


# --- accepted, and never sent -------------------------------------------------


def _accepted(seen: SeenDelivery) -> Advice:
    took = in_ms(seen.delivery.timings.total_us)
    template = template_fault(seen)
    # Nobody waits for the answer to a retry or a replay.
    heard = seen.delivery.kind in ("upload", "trigger")
    return Advice(
        cause=f"{seen.place} accepted it after {took}"
        f"{'; its answer went to the uploader' if heard else ''}.",
        note=_NO_SNI_THERE * _needs_sni(seen)
        if template is None
        else f"But {template[0]}. {template[1]}",
    )


_NO_SNI_THERE: Final = (
    "The real service sends SNI only where the callback says callbackSNI: true; without it, hosts "
    "that share an address may answer with another certificate."
)


def _needs_sni(seen: SeenDelivery) -> bool:
    """Whether a name was asked for over TLS that OSS would not have told (witnessed.md, W30)."""
    message = seen.delivery.message
    return seen.url.scheme == "https" and parse_host(seen.host) is None and not message.sni


def _not_sent(seen: SeenDelivery) -> Advice:
    if seen.delivery.ec in _IMAGE_FAULTS or "image" in seen.delivery.verdict:
        return Advice(
            cause="Nothing was sent: the template asks for imageInfo, and the object begins like "
            "an image whose size cannot be read.",
            remedy="Check that the upload is whole, or leave ${imageInfo.…} out of callbackBody "
            "and let the application measure the image.",
        )
    if seen.delivery.verdict == TOO_MANY:
        return Advice(
            cause="Nothing was sent: as many callbacks as may be were under way already.",
            remedy="Find the application that answers slowly (`ossia callbacks list`), or raise "
            "--callback-limit-per-bucket and --callback-limit.",
            note="`ossia callbacks recover --since 1h` sends what was left out.",
        )
    return Advice(
        cause=f"Nothing was sent: {seen.delivery.verdict or seen.delivery.detail}",
        remedy="Check callbackUrl and callbackBody of the upload.",
    )


# --- no answer ------------------------------------------------------------------


def _forbidden(seen: SeenDelivery) -> Advice:
    found = re.match(r"(\S+) is an? (\S+) address", seen.delivery.detail)
    address, kind = (found[1], found[2]) if found else (seen.host, "private")
    if kind == "metadata":
        return Advice(
            cause=f"{seen.host} is {address}, where clouds hand out credentials; callbacks are "
            "kept away from it.",
            remedy="Choose another callbackUrl.",
        )
    # A name opens only what applications live at (`protocol.address_policy`).
    opens = kind in ("private", "loopback") or parse_host(seen.host) is not None
    value = f"{seen.url.scheme}://{seen.url.netloc.lower()}" if opens else address
    return Advice(
        cause=f"The server may not call {seen.host}: {address} is a {kind} address.",
        remedy=f"If that is your application, start the server with {SETTING} {value}",
        note=f"The setting replaces the default: add {SETTING} loopback to keep calling this "
        "machine."
        if kind != "loopback"
        else "",
    )


def _name_not_found(seen: SeenDelivery) -> Advice:
    if seen.host == "host.docker.internal":
        remedy = "On Linux, start the container with --add-host=host.docker.internal:host-gateway"
    elif "." not in seen.host:
        remedy = (
            "A single word is the name of a container or of a machine in /etc/hosts: run Ossia in "
            "the same network, or write the full name."
        )
    else:
        remedy = (
            f"Check the spelling in callbackUrl, and on the server's machine: getent ahostsv4 "
            f"{seen.host}"
        )
    return Advice(
        cause=f"The name {seen.host} has no IPv4 address for the server: {seen.delivery.detail}.",
        remedy=remedy,
    )


def _not_connected(seen: SeenDelivery) -> Advice:
    detail = seen.delivery.detail
    if "CERTIFICATE_VERIFY_FAILED" in detail or "certificate" in detail.lower():
        return _certificate(seen)
    if "WRONG_VERSION_NUMBER" in detail or "wrong version number" in detail:
        return Advice(
            cause=f"{seen.place} does not speak TLS, but callbackUrl begins with https.",
            remedy=f"Write http://{seen.url.netloc}{seen.path} or name the port that has TLS.",
        )
    if "SSL" in detail or "TLS" in detail:
        return Advice(
            cause=f"The TLS handshake with {seen.place} failed: {detail}.",
            remedy=f"Look at it from here: openssl s_client -connect {seen.place} -servername "
            f"{seen.host}",
        )
    if "unreachable" in detail or re.search(r"No route|Errno (101|113)\b", detail):
        return Advice(
            cause=f"The server's machine has no way to {seen.place}: {detail}.",
            remedy="Check the address, the network of the container, and the firewall.",
        )
    return Advice(
        cause=f"Nothing listens on {seen.place}: the connection was refused.",
        remedy="Start the application there, or correct the port in callbackUrl; "
        f"`ossia callbacks receive --port {seen.port}` stands in for it.",
        note="In a container, localhost is the container itself: name the host or the service."
        if seen.place.startswith("127.") or seen.host == "localhost"
        else "An application that listens on 127.0.0.1 only is not reached from elsewhere.",
    )


def _certificate(seen: SeenDelivery) -> Advice:
    detail = seen.delivery.detail
    reason = detail.partition("failed: ")[2].partition(" (_ssl")[0] or detail
    if "self-signed" in reason or "self signed" in reason:
        remedy = (
            "Use a certificate of a known authority, or add yours to the server's system store "
            "(SSL_CERT_FILE), or use http on a private network."
        )
    elif "expired" in reason:
        remedy = "Renew the certificate."
    elif "mismatch" in reason or "doesn't match" in reason or "not valid for" in reason:
        remedy = f"Put the name that the certificate has into callbackUrl instead of {seen.host}."
    else:
        remedy = "Let the receiver send its whole chain, intermediate certificates included."
    return Advice(
        cause=f"The TLS certificate of {seen.place} is not accepted: {reason}.", remedy=remedy
    )


def _connect_timeout(seen: SeenDelivery) -> Advice:
    timings = seen.delivery.timings
    took = in_ms(timings.total_us)
    if not timings.resolve_us:
        return Advice(
            cause=f"The name {seen.host} was not resolved within {took}.",
            remedy="The name server does not answer: check /etc/resolv.conf on its machine.",
        )
    if timings.connect_us:
        return Advice(
            cause=f"{seen.place} took the connection and did not finish the TLS handshake within "
            f"{took}.",
            remedy="Check that this port speaks TLS; if not, begin callbackUrl with http://.",
        )
    return Advice(
        cause=f"{seen.place} did not answer the connection attempt within {took}.",
        remedy="A firewall drops it, or the machine is off: open the port to the server's address.",
    )


def _reply_timeout(seen: SeenDelivery) -> Advice:
    timings = seen.delivery.timings
    ready = timings.resolve_us + timings.connect_us + timings.tls_us
    waited = in_ms(timings.total_us - ready - timings.first_byte_us)
    if timings.first_byte_us:
        cause = (
            f"{seen.place} began to answer after {in_ms(timings.first_byte_us)}, but the answer "
            f"did not end within another {waited}."
        )
        remedy = "Send the whole body at once, with the right Content-Length."
    else:
        cause = f"{seen.place} was connected in {in_ms(ready)} and gave no answer for {waited}."
        remedy = "Answer first and do the work afterwards (a queue, a background task)."
    return Advice(
        cause=cause,
        remedy=remedy,
        note="OSS waits 5 seconds; here --callback-timeout sets it.",
    )


def _broken(seen: SeenDelivery) -> Advice:
    detail = seen.delivery.detail
    if "certificate" in detail.lower():
        return _certificate(seen)
    if "closed before the answer ended" in detail:
        return Advice(
            cause=f"{seen.place} closed the connection before its answer was whole.",
            remedy="The application crashed or was restarted while it answered, or it announced "
            "more bytes than it sent: see its log.",
        )
    if "HTTP" in detail and seen.url.scheme == "http":
        return Advice(
            cause=f"What {seen.place} answers is not HTTP: {detail}.",
            remedy="If the port speaks TLS, begin callbackUrl with https://; otherwise correct the "
            "port.",
        )
    return Advice(
        cause=f"The answer of {seen.place} is broken: {detail}.",
        remedy="See the application's log for this moment.",
    )


def _other_fault(seen: SeenDelivery) -> Advice:
    return Advice(
        cause=f"No answer from {seen.place} ({seen.delivery.fault}): {seen.delivery.detail}",
        remedy="Check callbackUrl and the application's log.",
    )


_FAULTS: Final[dict[str, Callable[[SeenDelivery], Advice]]] = {
    CallbackFault.FORBIDDEN: _forbidden,
    CallbackFault.NAME_NOT_FOUND: _name_not_found,
    CallbackFault.NOT_CONNECTED: _not_connected,
    CallbackFault.CONNECT_TIMEOUT: _connect_timeout,
    CallbackFault.REPLY_TIMEOUT: _reply_timeout,
    CallbackFault.BROKEN: _broken,
}
