import contextlib
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ossia.errors import (
    FieldItemTooLong,
    IncorrectNumberOfFilesInPOSTRequest,
    InvalidArgument,
    MalformedPOSTRequest,
    OssError,
)
from ossia.http.form import (
    MAX_FIELDS_BYTES,
    MAX_LONG_VALUE_BYTES,
    MAX_NAME_BYTES,
    MAX_VALUE_BYTES,
    FormReader,
)

B = b"9431149156168"
CONTENT_TYPE = b"multipart/form-data; boundary=" + B


def part(disposition: str | bytes, value: bytes, *headers: bytes) -> bytes:
    raw = disposition.encode() if isinstance(disposition, str) else disposition
    lines = [b"--" + B, b"Content-Disposition: form-data; " + raw, *headers, b"", value]
    return b"\r\n".join(lines) + b"\r\n"


def field(name: str, value: str | bytes) -> bytes:
    return part(f'name="{name}"', value.encode() if isinstance(value, str) else value)


FILE = part('name="file"; filename="a.txt"', b"hello", b"Content-Type: text/plain")
END = b"--" + B + b"--\r\n"


@dataclass
class Result:
    """What a caller gets from a form, however it is cut."""

    fields: dict[str, str]
    content: bytes
    filename: str | None
    content_type: str | None
    finished: bool
    error: type[OssError] | None


def read(body: bytes, cuts: Iterable[int] = (), content_type: bytes = CONTENT_TYPE) -> Result:
    reader = FormReader(content_type)
    content = b""
    error = None
    edges = [0, *sorted(cut % (len(body) + 1) for cut in cuts), len(body)]
    try:
        for start, end in itertools.pairwise(edges):
            reader.feed(memoryview(body)[start:end])
            content += b"".join(reader.take_pieces())
        reader.finish()
    except OssError as exc:
        error = type(exc)
        content += b"".join(reader.take_pieces())
    return Result(
        reader.fields,
        content,
        reader.filename,
        reader.file_content_type,
        reader.finished,
        error,
    )


def test_form_of_the_documentation() -> None:
    # post-object.md, 10: the order of [S3]'s Java client, with the submit button behind the file.
    body = (
        field("key", "user/${filename}")
        + field("Content-Disposition", "attachment;filename=a.txt")
        + field("x:var1", "值 1")
        + field("X:Var2", "")
        + field("OSSAccessKeyId", "id")
        + field("Signature", "s+/=")
        + FILE
        + field("submit", "Upload to OSS")
        + END
    )
    result = read(body)
    assert result.error is None
    assert result.fields == {
        "key": "user/${filename}",
        "content-disposition": "attachment;filename=a.txt",
        "x:var1": "值 1",
        "x:var2": "",
        "ossaccesskeyid": "id",
        "signature": "s+/=",
    }
    assert (result.content, result.filename, result.content_type) == (
        b"hello",
        "a.txt",
        "text/plain",
    )


def test_fields_are_known_before_the_file_is_read() -> None:
    reader = FormReader(CONTENT_TYPE)
    body = field("key", "k") + FILE + END
    start = body.index(b"hello")
    reader.feed(body[:start])
    assert reader.file_started
    assert not reader.file_finished
    assert reader.fields == {"key": "k"}
    reader.feed(body[start:])
    assert reader.file_finished
    assert reader.finished
    assert b"".join(reader.take_pieces()) == b"hello"
    assert reader.take_pieces() == []
    reader.finish()


def test_pieces_stay_valid_when_the_buffer_is_reused() -> None:
    reader = FormReader(CONTENT_TYPE)
    buffer = bytearray(field("key", "k") + FILE + END)
    reader.feed(memoryview(buffer))
    buffer[:] = bytes(len(buffer))
    assert b"".join(reader.take_pieces()) == b"hello"


@pytest.mark.parametrize(
    ("disposition", "filename"),
    [
        ('name="file"', None),
        ('name="file"; filename=""', ""),
        ("name=file; filename=a.txt", "a.txt"),
        ('name="file"; filename="中文 名.png"', "中文 名.png"),
        ('name="file"; filename="x"; filename*=UTF-8\'\'%E4%B8%AD%20a.png', "中 a.png"),
        ("name=\"file\"; filename*=iso-8859-1'en'%A3.png", "£.png"),
        ('name="file"; filename="a%22b%0D%0a.txt"', 'a"b\r\n.txt'),
        ('name="file"; filename="100%25 %E4.txt"', "100%25 %E4.txt"),
        ('name="file"; filename="a\\"b\\\\c.txt"', 'a"b\\c.txt'),
        ('name="file"; filename="C:\\temp\\file.txt"', "C:\\temp\\file.txt"),
        ('name="file"; filename="a;b=c; name=key.txt"', "a;b=c; name=key.txt"),
        ('filename="first.txt"; name="file"', "first.txt"),
        ('NAME="File"; FileName="up.txt"', "up.txt"),
        ('name="file"; filename="a.txt"; filename="b.txt"', "a.txt"),
        ('name="file" ; filename = "a.txt" ', "a.txt"),
    ],
)
def test_filenames(disposition: str, filename: str | None) -> None:
    result = read(field("key", "k") + part(disposition, b"x") + END)
    assert result.error is None
    assert result.filename == filename
    assert result.content == b"x"


@pytest.mark.parametrize(
    "content_type",
    [
        b"multipart/form-data; boundary=" + B,
        b'multipart/form-data; boundary="' + B + b'"',
        b"Multipart/Form-Data;boundary=" + B,
        b"multipart/form-data; charset=utf-8; Boundary=" + B + b"; x=y",
    ],
)
def test_content_types(content_type: bytes) -> None:
    assert read(FILE + END, content_type=content_type).error is None


@pytest.mark.parametrize(
    "content_type",
    [
        b"",
        b"multipart/form-data",
        b"multipart/form-data; boundary=",
        b'multipart/form-data; boundary=""',
        b"multipart/form-data; boundary=" + b"x" * 300,
        b'multipart/form-data; boundary="a\r\nb"',
        b"multipart/mixed; boundary=x",
        b"multipart/form-data-x; boundary=x",
        b"application/x-www-form-urlencoded; boundary=x",
    ],
)
def test_unusable_content_types(content_type: bytes) -> None:
    with pytest.raises(MalformedPOSTRequest):
        FormReader(content_type)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"hello", id="no-boundary"),
        pytest.param(b"--other\r\n", id="other-boundary"),
        pytest.param(FILE, id="no-end"),
        pytest.param(FILE + b"--" + B, id="end-cut"),
        pytest.param(FILE[:-8], id="file-cut"),
        pytest.param(field("key", "k"), id="only-a-field"),
        pytest.param(b"--" + B + b"\r\n\r\nx\r\n" + END, id="no-disposition"),
        pytest.param(
            b"--" + B + b"\r\nContent-Disposition: attachment\r\n\r\nx\r\n" + END,
            id="other-disposition",
        ),
        pytest.param(b"--" + B + b"\r\nno colon\r\n\r\nx\r\n" + END, id="no-header"),
        pytest.param((FILE + END).replace(b"\r\n", b"\n"), id="lf-only"),
        pytest.param(field("a", b"\xff") + FILE + END, id="value-not-utf-8"),
        pytest.param(part(b'name="\xff"', b"") + FILE + END, id="name-not-utf-8"),
        pytest.param(part(b'name="file"; filename="\xff"', b"x") + END, id="filename-not-utf-8"),
        pytest.param(part("name=\"file\"; filename*=koi8-r''x", b"x") + END, id="filename-charset"),
        pytest.param(part('name="file"; filename*=x', b"x") + END, id="filename-extended"),
        pytest.param(
            part('name="a"', b"", *[b"X-%d: y" % n for n in range(20)]) + FILE + END,
            id="many-headers",
        ),
        pytest.param(part('name="a"', b"", b"X: " + b"y" * 20_000) + FILE + END, id="long-header"),
    ],
)
def test_malformed_forms(body: bytes) -> None:
    assert read(body).error is MalformedPOSTRequest


def test_number_of_files() -> None:
    assert read(END).error is IncorrectNumberOfFilesInPOSTRequest
    assert read(field("key", "k") + END).error is IncorrectNumberOfFilesInPOSTRequest
    result = read(FILE + part('name="FILE"; filename="b"', b"second") + END)
    assert result.error is IncorrectNumberOfFilesInPOSTRequest
    assert (result.content, result.filename) == (b"hello", "a.txt")


def test_what_follows_the_file_is_ignored() -> None:
    late = field("key", "late") + field("x:a", b"\xff") + field("big", b"v" * (MAX_VALUE_BYTES + 1))
    result = read(field("a", "b") + FILE + late + END + b"epilogue\r\n--" + B)
    assert result.error is None
    assert result.fields == {"a": "b"}


def test_last_of_equal_fields_wins() -> None:
    assert read(field("Expires", "1") + field("expires", "2") + FILE + END).fields == {
        "expires": "2"
    }


@pytest.mark.parametrize(
    "name",
    [
        "key",
        "policy",
        "Signature",
        "OSSAccessKeyId",
        "x-oss-credential",
        "x-oss-object-acl",
        "x-oss-meta-a",
        "x-oss-content-type",
        "x:uid",
    ],
)
def test_fields_that_are_signed_or_decide_come_once(name: str) -> None:
    """C2: what the policy was asked about is what the application is told."""
    assert read(field(name, "1") + field(name.upper(), "2") + FILE + END).error is InvalidArgument


def test_other_files_in_front_are_unknown_fields() -> None:
    body = part('name="photo"; filename="x.png"', b"\x89PNG\xff") + field("key", "k") + FILE + END
    assert read(body).fields == {"key": "k"}


def test_field_limits_are_inclusive() -> None:
    longest = field("key", b"v" * MAX_VALUE_BYTES) + part(f'name="{"n" * MAX_NAME_BYTES}"', b"")
    assert read(longest + FILE + END).error is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param([("a", MAX_VALUE_BYTES + 1)], id="value"),
        pytest.param([("n" * (MAX_NAME_BYTES + 1), 1)], id="name"),
        pytest.param([("policy", MAX_LONG_VALUE_BYTES[b"policy"] + 1)], id="policy"),
        pytest.param([("x:a", MAX_VALUE_BYTES + 1)], id="variable"),
        pytest.param([(f"f{n}", MAX_VALUE_BYTES) for n in range(12)], id="total"),
        pytest.param([("", 0)] * (MAX_FIELDS_BYTES // 800 + 1), id="many-empty-fields"),
    ],
)
def test_field_limits(fields: Sequence[tuple[str, int]]) -> None:
    body = b"".join(field(name, b"v" * size) for name, size in fields)
    assert read(body + FILE + END).error is FieldItemTooLong


def test_long_policies_and_tokens_are_kept() -> None:
    """B2: what is kept before the claim holds is bounded, and real forms are far below."""
    longest = b"".join(field(n.decode(), b"v" * size) for n, size in MAX_LONG_VALUE_BYTES.items())
    assert read(longest + FILE + END).error is None


def test_the_file_has_no_limit_here() -> None:
    content = bytes(range(256)) * 40_000
    body = field("key", "k") + part('name="file"', content) + END
    assert read(body, range(0, len(body), 65_536)).content == content


# --- any chunking gives the same result ---------------------------------------

# Bytes that the scanner must look at twice, among some that it need not.
tricky = st.lists(
    st.sampled_from(
        [b"\r", b"\n", b"-", b"--", B, B[:5], b"\r\n--" + B[:-1], b"\r\n--" + B + b"x", b"a"]
    )
    | st.binary(max_size=3),
    max_size=12,
).map(b"".join)
cuts = st.lists(st.integers(0, 2000), max_size=40)


@given(st.lists(tricky, max_size=3), tricky, cuts)
@example([], b"\r\n--" + B[:-1], list(range(400)))
@example([b"\r", b"\r\n"], b"\r\n--" + B + b"-x", list(range(600)))
def test_cuts_do_not_matter(values: list[bytes], content: bytes, where: list[int]) -> None:
    body = b"".join(field(f"f{n}", value) for n, value in enumerate(values))
    body += part('name="file"; filename="%22"', content) + field("late", "x") + END
    assert read(body, where) == read(body)


@given(tricky, cuts)
def test_cuts_do_not_matter_to_bodies_that_are_no_forms(noise: bytes, where: list[int]) -> None:
    for body in (noise, b"--" + B + b"\r\n" + noise, field("a", "b") + noise, FILE + noise + END):
        assert read(body, where) == read(body)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_anything_is_read_without_raising_but_refusals(body: bytes, content_type: bytes) -> None:
    read(body)
    for kind in (content_type, CONTENT_TYPE + b"; " + content_type):
        with contextlib.suppress(MalformedPOSTRequest):
            read(body, content_type=kind)


plain_content = st.binary(max_size=300).filter(lambda it: B not in it)


@given(
    st.dictionaries(st.from_regex(r"[a-z0-9_-]{1,20}", fullmatch=True), st.text(), max_size=5),
    plain_content,
    cuts,
)
def test_what_is_written_is_read(fields: dict[str, str], content: bytes, where: list[int]) -> None:
    fields.pop("file", None)
    clean = {name: it.encode("utf-8", "replace").decode() for name, it in fields.items()}
    clean = {name: it for name, it in clean.items() if B.decode() not in it}
    body = b"".join(field(name, it) for name, it in clean.items())
    result = read(body + part('name="file"', content) + END, where)
    assert result.error is None
    assert (result.fields, result.content) == (clean, content)
