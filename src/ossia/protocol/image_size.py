"""Width, height and format of an image, read from its headers without decoding it.

What ``${imageInfo.width}``, ``.height`` and ``.format`` stand for.  The numbers are those of
the stored raster: EXIF orientation does not swap them (image.md, 3).  The format is found in
the content, never in the key or the Content-Type, and has the names that image/info uses.

`measure` asks for the bytes it needs, so that a caller can read them from wherever they are:
JPEG headers may lie behind megabytes of profiles, TIFF directories at the end of the file.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Final

_MAX_STEPS: Final = 4096


@dataclass(frozen=True, slots=True)
class ImageSize:
    """Pixels of the stored raster, and ``jpg``, ``png``, ``gif``, …"""

    width: int
    height: int
    format: str


@dataclass(frozen=True, slots=True)
class Corrupt:
    """The content says that it is an image, and then is none: "Get image info failed."."""

    reason: str


Measured = ImageSize | Corrupt | None
Steps = Generator[tuple[int, int], bytes, Measured]
"""Yields (offset, length), is sent those bytes (fewer at the end of the file), returns the size."""

_Sizes = Generator[tuple[int, int], bytes, tuple[int, int]]


class _Broken(Exception):  # noqa: N818 - never leaves this module
    """Bytes that no image of that format has."""


def image_size(content: bytes) -> Measured:
    """Measure an image that is in memory; None if *content* is not an image."""
    steps = measure()
    offset, length = next(steps)
    try:
        while True:
            offset, length = steps.send(content[offset : offset + length])
    except StopIteration as end:
        found: Measured = end.value
        return found


def measure() -> Steps:
    """Measure an image of which the caller supplies the bytes; never raises on bad content."""
    head = yield 0, 32
    kind = _format_of(head)
    if kind is None:
        return None
    try:
        width, height = yield from _READERS[kind]()
    except _Broken as exc:
        return Corrupt(f"{kind}: {exc}")
    if not width or not height:
        return Corrupt(f"{kind}: no pixels")
    return ImageSize(width, height, kind)


_HEIF_BRANDS: Final = {
    b"heic": "heic",
    b"heix": "heic",
    b"heim": "heic",
    b"heis": "heic",
    b"hevc": "heic",
    b"mif1": "heic",
    b"msf1": "heic",
    b"avif": "avif",
    b"avis": "avif",
}


def _format_of(head: bytes) -> str | None:
    if head[4:8] == b"ftyp":
        return _HEIF_BRANDS.get(head[8:12])
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # "BM" alone begins many a text; a bitmap has a known size of its second header.
    if head[:2] == b"BM" and _little(head[14:18]) in _BMP_HEADERS:
        return "bmp"
    for magic, kind in _MAGIC:
        if head.startswith(magic):
            return kind
    return None


_MAGIC: Final = (
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tiff"),
    (b"MM\0*", "tiff"),
)
_BMP_HEADERS: Final = frozenset((12, 16, 40, 52, 56, 64, 108, 124))


def _little(raw: bytes) -> int:
    return int.from_bytes(raw, "little")


def _big(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


def _read(offset: int, length: int) -> Generator[tuple[int, int], bytes, bytes]:
    found = yield offset, length
    if len(found) < length:
        raise _Broken("ends too soon")
    return found


def _png() -> _Sizes:
    head = yield from _read(8, 16)
    # Apple's "CgBI" chunk precedes IHDR in images that Xcode has optimised.
    if head[4:8] == b"CgBI":
        head = yield from _read(8 + 12 + _big(head[:4]), 16)
    if head[4:8] != b"IHDR":
        raise _Broken("no IHDR")
    return _big(head[8:12]), _big(head[12:16])


def _gif() -> _Sizes:
    head = yield from _read(6, 4)
    return _little(head[:2]), _little(head[2:])


def _bmp() -> _Sizes:
    head = yield from _read(14, 12)
    if _little(head[:4]) == 12:  # noqa: PLR2004 - OS/2 1.x: 16-bit numbers
        return _little(head[4:6]), _little(head[6:8])
    height = int.from_bytes(head[8:12], "little", signed=True)
    # A negative height means that rows run from top to bottom.
    return _little(head[4:8]), abs(height)


def _webp() -> _Sizes:
    head = yield from _read(12, 18)
    kind, content = head[:4], head[8:]
    if kind == b"VP8X":
        return _little(content[4:7]) + 1, _little(content[7:10]) + 1
    if kind == b"VP8L" and content[0] == 0x2F:  # noqa: PLR2004 - signature of lossless WebP
        bits = _little(content[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 " and content[3:6] == b"\x9d\x01\x2a":
        return _little(content[6:8]) & 0x3FFF, _little(content[8:10]) & 0x3FFF
    raise _Broken("unknown first chunk")


# Start-of-frame markers; C4, C8 and CC lie in the range and mean something else.
_JPEG_FRAMES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_ALONE: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_JPEG_ENDS: Final = frozenset((0xD8, 0xD9, 0xDA))


def _jpg() -> _Sizes:
    offset = 2
    for _ in range(_MAX_STEPS):
        head = yield from _read(offset, 2)
        if head[0] != 0xFF:  # noqa: PLR2004 - every marker begins so
            raise _Broken("no marker where one must be")
        marker = head[1]
        if marker == 0xFF:  # noqa: PLR2004 - a fill byte
            offset += 1
        elif marker in _JPEG_ALONE:
            offset += 2
        elif marker in _JPEG_ENDS:
            raise _Broken("no frame header before the scan")
        elif marker in _JPEG_FRAMES:
            frame = yield from _read(offset + 5, 4)
            return _big(frame[2:]), _big(frame[:2])
        else:
            length = _big((yield from _read(offset + 2, 2)))
            if length < 2:  # noqa: PLR2004 - the length counts itself
                raise _Broken("segment without length")
            offset += 2 + length
    raise _Broken("too many segments")


_TIFF_WIDTH: Final = 256
_TIFF_HEIGHT: Final = 257
_TIFF_SIZES: Final = {1: 1, 3: 2, 4: 4}
_TIFF_MAX_ENTRIES: Final = 1024


def _tiff() -> _Sizes:
    head = yield from _read(0, 8)
    number: Callable[[bytes], int] = _little if head[:2] == b"II" else _big
    start = number(head[4:8])
    count = number((yield from _read(start, 2)))
    if count > _TIFF_MAX_ENTRIES:
        raise _Broken("too many entries")
    directory = yield from _read(start + 2, 12 * count)
    found: dict[int, int] = {}
    for at in range(0, len(directory), 12):
        entry = directory[at : at + 12]
        length = _TIFF_SIZES.get(number(entry[2:4]))
        if length is not None:
            found[number(entry[:2])] = number(entry[8 : 8 + length])
    return found.get(_TIFF_WIDTH, 0), found.get(_TIFF_HEIGHT, 0)


def _heif() -> _Sizes:
    """The largest ``ispe`` (image spatial extents): tiles and thumbnails are smaller."""
    start, end = 0, 1 << 63
    for path in (b"meta", b"iprp", b"ipco"):
        start, end = yield from _box(path, start, end)
        # ``meta`` is a full box: version and flags precede its children.
        start += 4 if path == b"meta" else 0
    best = (0, 0)
    for _ in range(_MAX_STEPS):
        if start + 20 > end:
            break
        head = yield from _read(start, 20)
        if head[4:8] == b"ispe":
            best = max(best, (_big(head[12:16]), _big(head[16:20])), key=lambda it: it[0] * it[1])
        start += max(8, _big(head[:4]))
    return best


def _box(name: bytes, start: int, end: int) -> _Sizes:
    """Where the content of the first box *name* between *start* and *end* lies."""
    for _ in range(_MAX_STEPS):
        if start + 8 > end:
            break
        head = yield from _read(start, 8)
        length, header = _big(head[:4]), 8
        if length == 1:
            length, header = _big((yield from _read(start + 8, 8))), 16
        if length < header:
            break
        if head[4:8] == name:
            return start + header, start + length
        start += length
    raise _Broken(f"no {name.decode()} box")


_READERS: Final[dict[str, Callable[[], _Sizes]]] = {
    "jpg": _jpg,
    "png": _png,
    "gif": _gif,
    "bmp": _bmp,
    "webp": _webp,
    "tiff": _tiff,
    "heic": _heif,
    "avif": _heif,
}
