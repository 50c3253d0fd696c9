import io
import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ossia.protocol.image_size import Corrupt, ImageSize, image_size, measure


def drawn(kind: str, size: tuple[int, int] = (400, 267), **options: Any) -> bytes:
    mode = options.pop("mode", "RGB")
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def exif(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags.tobytes()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param(drawn("JPEG"), "jpg", id="jpg"),
        pytest.param(drawn("JPEG", progressive=True), "jpg", id="jpg-progressive"),
        pytest.param(drawn("JPEG", icc_profile=b"\0" * 200_000), "jpg", id="jpg-large-profile"),
        pytest.param(drawn("JPEG", exif=exif(6)), "jpg", id="orientation-does-not-swap"),
        pytest.param(drawn("JPEG", mode="L"), "jpg", id="jpg-grey"),
        pytest.param(drawn("PNG"), "png", id="png"),
        pytest.param(drawn("PNG", mode="P"), "png", id="png-palette"),
        pytest.param(drawn("GIF"), "gif", id="gif"),
        pytest.param(drawn("BMP"), "bmp", id="bmp"),
        pytest.param(drawn("TIFF"), "tiff", id="tiff"),
        pytest.param(drawn("TIFF", compression="tiff_lzw"), "tiff", id="tiff-lzw"),
        pytest.param(drawn("WEBP"), "webp", id="webp-lossy"),
        pytest.param(drawn("WEBP", lossless=True), "webp", id="webp-lossless"),
        pytest.param(drawn("WEBP", exif=exif(1)), "webp", id="webp-extended"),
    ],
)
def test_images_drawn_by_pillow(content: bytes, kind: str) -> None:
    assert image_size(content) == ImageSize(400, 267, kind)


@given(
    st.integers(1, 300),
    st.integers(1, 300),
    st.sampled_from(["JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP"]),
)
def test_every_size_is_read(width: int, height: int, kind: str) -> None:
    found = image_size(drawn(kind, (width, height)))
    assert isinstance(found, ImageSize)
    assert (found.width, found.height) == (width, height)


def box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content


def heif(brand: bytes, *sizes: tuple[int, int]) -> bytes:
    ispe = b"".join(box(b"ispe", struct.pack(">III", 0, *size)) for size in sizes)
    properties = box(b"iprp", box(b"ipco", box(b"colr", b"nclx\0\0\0\0\0\0\0") + ispe))
    meta = box(b"meta", b"\0\0\0\0" + box(b"hdlr", b"\0" * 24) + properties)
    return box(b"ftyp", brand + b"\0\0\0\0mif1") + box(b"free", b"") + meta


@pytest.mark.parametrize(
    ("brand", "kind"), [(b"heic", "heic"), (b"mif1", "heic"), (b"avif", "avif")]
)
def test_heif_has_the_size_of_its_largest_item(brand: bytes, kind: str) -> None:
    content = heif(brand, (512, 512), (4032, 3024), (320, 240))
    assert image_size(content) == ImageSize(4032, 3024, kind)


def test_heif_box_with_a_long_length() -> None:
    plain = heif(b"heic", (10, 20))
    at = plain.index(b"meta") - 4
    meta = plain[at:]
    long = struct.pack(">I4sQ", 1, b"meta", len(meta) + 8) + meta[8:]
    assert image_size(plain[:at] + long) == ImageSize(10, 20, "heic")


def test_bitmap_that_runs_from_top_to_bottom() -> None:
    content = bytearray(drawn("BMP", (3, 5)))
    content[22:26] = struct.pack("<i", -5)
    assert image_size(bytes(content)) == ImageSize(3, 5, "bmp")


def test_old_bitmap() -> None:
    content = b"BM" + b"\0" * 12 + struct.pack("<IHHHH", 12, 7, 9, 1, 24)
    assert image_size(content) == ImageSize(7, 9, "bmp")


def test_tiff_of_big_endian_with_directory_at_the_end() -> None:
    entries = struct.pack(">HHII", 256, 4, 1, 70_000) + struct.pack(">HHIHH", 257, 3, 1, 9, 0)
    content = b"MM\0*" + struct.pack(">I", 5000) + b"\0" * 4992 + struct.pack(">H", 2) + entries
    assert image_size(content) == ImageSize(70_000, 9, "tiff")


def test_png_that_xcode_has_optimised() -> None:
    plain = drawn("PNG", (6, 7))
    content = plain[:8] + struct.pack(">I", 4) + b"CgBI" + b"\0" * 8 + plain[8:]
    assert image_size(content) == ImageSize(6, 7, "png")


def test_jpeg_with_fill_bytes_and_lone_markers() -> None:
    content = b"\xff\xd8\xff\xff\xff\xfe\0\x04ab\xff\x01\xff\xc0\0\x0b\x08\0\x03\0\x04\x01"
    assert image_size(content) == ImageSize(4, 3, "jpg")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff",
        b"hello",
        b"BM is not a bitmap by itself, but text",
        b"RIFF\0\0\0\0WAVE",
        b"\0\0\0\x18ftypmp42" + b"\0" * 20,
        b"%PDF-1.7",
        b"<svg/>",
        b"GIF",
    ],
)
def test_other_content_is_no_image(content: bytes) -> None:
    assert image_size(content) is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(drawn("JPEG")[:20], id="jpg-cut"),
        pytest.param(b"\xff\xd8\xff\xda", id="jpg-scan-first"),
        pytest.param(b"\xff\xd8\xff\xd9", id="jpg-ends"),
        pytest.param(b"\xff\xd8\xff\xe0\0\x01", id="jpg-length-too-short"),
        pytest.param(b"\xff\xd8\xff\xe0\0\x02xx", id="jpg-no-marker"),
        pytest.param(b"\xff\xd8" + b"\xff\xe0\0\x02" * 5000, id="jpg-many-segments"),
        pytest.param(b"\xff\xd8\xff\xc0\0\x0b\x08\0\0\0\x04\x01", id="jpg-no-height"),
        pytest.param(drawn("PNG")[:20], id="png-cut"),
        pytest.param(b"\x89PNG\r\n\x1a\n" + b"\0" * 20, id="png-no-header"),
        pytest.param(drawn("GIF")[:8], id="gif-cut"),
        pytest.param(drawn("WEBP")[:25], id="webp-cut"),
        pytest.param(b"RIFF\0\0\0\0WEBPJUNK" + b"\0" * 20, id="webp-unknown-chunk"),
        pytest.param(drawn("TIFF")[:12], id="tiff-cut"),
        pytest.param(b"II*\0\x08\0\0\0\xff\xff", id="tiff-many-entries"),
        pytest.param(b"II*\0\x08\0\0\0\0\0", id="tiff-empty"),
        pytest.param(heif(b"heic"), id="heic-no-size"),
        pytest.param(heif(b"heic", (1, 1))[:60], id="heic-cut"),
        pytest.param(box(b"ftyp", b"heic\0\0\0\0"), id="heic-no-meta"),
        pytest.param(
            box(b"ftyp", b"heic\0\0\0\0") + box(b"free", b"") * 5000, id="heic-many-boxes"
        ),
        pytest.param(
            box(b"ftyp", b"heic\0\0\0\0")
            + box(b"meta", b"\0\0\0\0" + box(b"iprp", box(b"ipco", box(b"free", b"") * 5000))),
            id="heic-many-properties",
        ),
        pytest.param(box(b"ftyp", b"heic\0\0\0\0") + b"\0\0\0\0meta", id="heic-endless-box"),
    ],
)
def test_corrupt_images(content: bytes) -> None:
    assert isinstance(image_size(content), Corrupt)


PREFIXES = [
    drawn("JPEG"),
    drawn("PNG"),
    drawn("TIFF"),
    drawn("WEBP"),
    heif(b"avif", (3, 4)),
    drawn("GIF"),
    drawn("BMP"),
]


@given(st.sampled_from(PREFIXES), st.integers(0, 64), st.binary(max_size=64))
def test_anything_is_measured_without_raising(content: bytes, at: int, noise: bytes) -> None:
    image_size(content[:at] + noise)
    image_size(content[:at] + noise + content[at + len(noise) :])


def test_few_bytes_are_asked_for() -> None:
    steps = measure()
    content = drawn("JPEG", icc_profile=b"\0" * 200_000)
    asked, request = 0, next(steps)
    try:
        while True:
            asked += request[1]
            request = steps.send(content[request[0] : sum(request)])
    except StopIteration:
        pass
    assert asked < 200
