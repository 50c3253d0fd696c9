"""XML in and out.

Documents are parsed by expat with document type declarations refused; answers are built from
strings, because that is ten times faster and the escaping is two functions.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from ossia.errors import MalformedXML
from ossia.protocol.xml_controls import hide, may_hide_in_cdata, show, show_in_cdata

HEADER = '<?xml version="1.0" encoding="UTF-8"?>\n'
_SPECIAL = (
    ("&", "&amp;"),  # before the references that the others become
    ("<", "&lt;"),
    (">", "&gt;"),
    ('"', "&quot;"),
    ("\r", "&#13;"),
    ("\n", "&#10;"),
)
_UNWRITABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_NOWHERE = re.compile(r"[\x00\ud800-\udfff]")
_MAX_DEPTH = 32
_MAX_ATTRIBUTES = 8
MAX_ELEMENTS = 50_000
"""CompleteMultipartUpload has 10 000 parts with a number, an ETag and, of some SDKs, a checksum."""


@dataclass(slots=True)
class Element:
    """One element: its name without a namespace, its text, its children."""

    name: str
    text: str = ""
    children: list["Element"] = field(default_factory=list)

    def find(self, name: str) -> "Element | None":
        """The first child of that name."""
        return next((child for child in self.children if child.name == name), None)

    def all(self, name: str) -> Iterator["Element"]:
        """Every child of that name."""
        return (child for child in self.children if child.name == name)

    def get(self, name: str, default: str = "") -> str:
        """The text of the first child of that name."""
        child = self.find(name)
        return default if child is None else child.text


def parse(document: bytes, root: str, *, max_elements: int = MAX_ELEMENTS) -> Element:
    """The root element of *document*, which must be called *root*.  Raises `MalformedXML`.

    Takes time in proportion to the document, which the caller bounds.
    """
    # witnessed.md, W11: white space before the declaration, which XML forbids.
    document = document.lstrip(b" \t\r\n")
    hidden = hide(document)
    builder = _builder_for(hidden, max_elements)
    try:
        builder.parser.Parse(document if hidden is None else hidden, True)  # noqa: FBT003 - positional in expat
    except expat.ExpatError as error:
        raise MalformedXML(ErrorDetail=str(error)) from error
    except (ValueError, LookupError, UnicodeError) as error:
        raise MalformedXML(ErrorDetail="The document's encoding is not supported.") from error
    finally:
        # The parser and its handlers hold each other.
        del builder.parser
    top = builder.top
    if top is None or top.name != root:
        raise MalformedXML(ErrorDetail=f"The root element must be {root}.")
    return top


def _builder_for(hidden: bytes | None, max_elements: int) -> "_Builder":
    if hidden is None:
        return _Builder(max_elements)
    showing = _CdataBuilder if may_hide_in_cdata(hidden) else _ShowingBuilder
    return showing(max_elements)


class _Builder:
    def __init__(self, max_elements: int) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._doctype
        self.top: Element | None = None
        self._open: list[Element] = []
        self._pieces: list[list[str]] = []
        """The text so far of each open element."""
        self._room = max_elements

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._room -= 1
        if self._room < 0 or len(attributes) > _MAX_ATTRIBUTES:
            raise MalformedXML(ErrorDetail="There are too many elements or attributes.")
        element = Element(name.rpartition(" ")[2])
        if self._open:
            if len(self._open) >= _MAX_DEPTH:
                raise MalformedXML(ErrorDetail="Elements are nested too deeply.")
            self._open[-1].children.append(element)
        else:
            self.top = element
        self._open.append(element)
        self._pieces.append([])

    def _end(self, _name: str) -> None:
        element, pieces = self._open.pop(), self._pieces.pop()
        if not element.children:
            element.text = self._joined(pieces)

    def _joined(self, pieces: list[str]) -> str:
        return "".join(pieces)

    def _text(self, text: str) -> None:
        self._pieces[-1].append(text)

    def _doctype(self, *_: object) -> None:
        raise MalformedXML(ErrorDetail="A document type declaration is not allowed.")


class _ShowingBuilder(_Builder):
    """Builds a document in which characters are hidden (`protocol.xml_controls`)."""

    def _joined(self, pieces: list[str]) -> str:
        return show("".join(pieces))


class _CdataBuilder(_ShowingBuilder):
    """The same where a CDATA section may hold what looks like a hidden reference."""

    def __init__(self, max_elements: int) -> None:
        super().__init__(max_elements)
        self.parser.StartCdataSectionHandler = self._cdata
        self.parser.EndCdataSectionHandler = self._cdata_end
        self._before_cdata = 0

    def _cdata(self) -> None:
        self._before_cdata = len(self._pieces[-1])

    def _cdata_end(self) -> None:
        pieces = self._pieces[-1]
        inside = "".join(pieces[self._before_cdata :])
        pieces[self._before_cdata :] = [show_in_cdata(inside)]


def escape(value: object) -> str:
    """*value* as element text.

    Characters that XML 1.0 cannot carry become references, as in OSS (witnessed.md, W10); U+FFFD
    stands for those that no reference can name either.
    """
    text = str(value)
    # Not `str.translate`, which takes thirty times as long for what strangers make us show.
    for character, reference in _SPECIAL:
        if character in text:
            text = text.replace(character, reference)
    return _UNWRITABLE.sub(_reference, text) if _UNWRITABLE.search(text) else text


def _reference(found: re.Match[str]) -> str:
    character = found[0]
    return "\ufffd" if _NOWHERE.match(character) else f"&#x{ord(character):X};"


def tag(name: str, value: object) -> str:
    """``<name>value</name>`` with *value* escaped; booleans as OSS spells them."""
    if value is True or value is False:
        value = "true" if value else "false"
    return f"<{name}>{escape(value)}</{name}>"


def readable_tag(name: str, value: object) -> str:
    """`tag` for what people and parsers must be able to read, whatever a client has sent.

    Characters that XML 1.0 does not have become U+FFFD, not references that few parsers take.
    """
    return tag(name, value if isinstance(value, bool) else _UNWRITABLE.sub("\ufffd", str(value)))


def document(root: str, *content: str) -> bytes:
    """A whole answer document."""
    return f"{HEADER}<{root}>{''.join(content)}</{root}>".encode()
