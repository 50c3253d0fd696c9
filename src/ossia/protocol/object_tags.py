"""Tags of objects: ``x-oss-tagging``, ``<Tagging>``, and what may be in them.

Source: objects.md, "Object tagging": 10 tags, keys of 1 to 128, values of up to 256 characters.
"""

import re
from typing import Final
from urllib.parse import unquote_plus

from ossia.errors import BadRequest, InvalidArgument, InvalidTag, MalformedXML
from ossia.protocol.xml import Element, parse

MAX_TAGGING = 64 * 1024
"""What the document of PutObjectTagging may have at most."""
MAX_TAGS: Final = 10
MAX_KEY: Final = 128
MAX_VALUE: Final = 256
# Of all white space the space alone: OSS documentation, the page 0010-00000217.
_TEXT: Final = re.compile(r"[\w +\-=.:/]*\Z")
_UNFIT: Final = "0010-00000217"


def parse_tagging(content: bytes) -> dict[str, str]:
    """Read ``<Tagging>``.  Raises `MalformedXML` and what `check_tags` does, `InvalidTag`.

    ECs here and below: OSS documentation, the pages 0010-00000101 to 0010-00000217.
    """
    try:
        root = parse(content, "Tagging")
    except MalformedXML as error:
        is_other = "root element" in str(error.details.get("ErrorDetail"))
        error.ec = "0010-00000102" if is_other else "0010-00000101"
        raise
    tag_set = root.find("TagSet")
    if tag_set is None:
        raise MalformedXML(ErrorDetail="Tagging must have a TagSet.")
    tags: dict[str, str] = {}
    for each in tag_set.all("Tag"):
        key, value = _text(each, "Key"), _text(each, "Value")
        if key in tags:
            # The text: SetObjectWithDuplicatedTagsTest of the C++ SDK.
            raise InvalidTag(
                "Cannot provide multiple Tags with the same key", ec="0010-00000210", Key=key
            )
        tags[key] = value
    return check_tags(tags)


def _text(of: Element, name: str) -> str:
    found = of.find(name)
    if found is None:
        raise MalformedXML(ec="0010-00000107", ErrorDetail=f"A Tag needs a {name}.")
    return found.text


def parse_tags(text: str) -> dict[str, str]:
    """``k=v&k2=v2``, both sides URL-encoded.  Raises what `check_tags` does, `InvalidArgument`."""
    tags: dict[str, str] = {}
    for pair in text.split("&") if text else ():
        name, _, value = pair.partition("=")
        key = unquote_plus(name)
        if key in tags or "=" in value:
            raise InvalidArgument(
                "The header 'x-oss-tagging' shall be encoded as UTF-8 then URLEncoded URL "
                "query parameters without tag name duplicates",
                ec=None if key in tags else "0010-00000219",
                ArgumentName="x-oss-tagging",
                ArgumentValue=text,
            )
        tags[key] = unquote_plus(value)
    return check_tags(tags)


def check_tags(tags: dict[str, str]) -> dict[str, str]:
    """objects.md, "Object tagging": 10 tags, keys to 128, values to 256 characters.

    Codes and texts: witnessed.md, W46.
    """
    if len(tags) > MAX_TAGS:
        raise BadRequest(f"Object tags cannot be greater than {MAX_TAGS}")
    for key, value in tags.items():
        if not 1 <= len(key) <= MAX_KEY or not _TEXT.match(key):
            ec = _UNFIT if key else "0010-00000208"
            raise InvalidTag("The TagKey you have provided is invalid", ec=ec, Key=key, Value=value)
        if len(value) > MAX_VALUE or not _TEXT.match(value):
            raise InvalidTag(
                "The TagValue you have provided is invalid", ec=_UNFIT, Key=key, Value=value
            )
    return tags
