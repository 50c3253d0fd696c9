"""What is wrong with a callback's body that was filled from a template."""

import json
import re

from ossia.domain.callbacks.seen_delivery import SeenDelivery, quoted
from ossia.protocol.callback_template import BodyType


def template_fault(seen: SeenDelivery) -> tuple[str, str] | None:
    """What is wrong with the body that was sent, and the remedy."""
    message = seen.delivery.message
    if seen.delivery.is_cut:
        return None
    text = message.body.decode("utf-8", "replace")
    if "%24%7b" in text.lower():
        return (
            "the placeholders were percent-encoded before they could be filled (`%24%7B` is `${`)",
            "Write callbackBody as plain text: PHP's http_build_query encodes it.",
        )
    is_json = _is_json(text)
    if message.body_type == BodyType.JSON and not is_json:
        return _json_fault(text)
    if message.body_type == BodyType.FORM and is_json and text.lstrip().startswith("{"):
        return (
            "the body is JSON, but was announced as a form",
            'Set "callbackBodyType":"application/json" in the callback.',
        )
    return None


def _json_fault(text: str) -> tuple[str, str]:
    doubled = re.search(r'""[^",:{}\[\]]', text)
    if doubled:
        around = text[max(0, doubled.start() - 12) : doubled.start() + 24]
        return (
            f"the body that was sent is not JSON: {quoted(around.encode())} has quotes twice",
            "Write ${object} without quotes in callbackBody: texts bring theirs along.",
        )
    if re.search(r":\s*[,}]", text):
        return (
            (
                "the body that was sent is not JSON: a number is empty (imageInfo of a file that "
                "is no image)"
            ),
            'Quote it in callbackBody: "${imageInfo.width}".',
        )
    return (
        f"the body that was sent is announced as JSON and begins {quoted(text.encode())}",
        "Mend callbackBody, or leave callbackBodyType out for a form.",
    )


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
