"""Assertions of `ossia.testing` fail when they should, and say what is there instead."""

import re

import pytest

from ossia.testing.bucket import TestBucket
from ossia.testing.callback_headers import callback_headers
from ossia.testing.faulty_receiver import FaultyReceiver
from ossia.testing.inbox import Answer, Inbox
from ossia.testing.server import TestServer
from ossia.testing.watch import Watch

pytestmark = pytest.mark.slow


def told(failed: "pytest.ExceptionInfo[AssertionError]") -> str:
    """The message, with what differs in every run left out."""
    text = re.sub(r"127\.0\.0\.1:\d+", "HOST", str(failed.value))
    return re.sub(r"test-[0-9a-f]{20}", "BUCKET", text)


def test_one_callback_is_one(ossia_bucket: TestBucket, ossia_inbox: Inbox) -> None:
    ossia_inbox.expect(0)
    stored = ossia_bucket.put("a.txt", "hello", ossia_inbox.callback())
    assert (stored.status, stored.body) == (200, b'{"Status":"OK"}')
    ossia_inbox.one().assert_values(bucket=ossia_bucket.name, object="a.txt", size=5)
    with pytest.raises(AssertionError) as failed:
        ossia_inbox.expect(2, timeout_s=0.01)
    assert told(failed).startswith(
        "1 callbacks arrived at http://HOST/callback, 2 expected.\n"
        '  arrived: POST /callback {"bucket":"BUCKET","object":"a.txt","size":5,'
    )
    ossia_bucket.put("b.txt", "hello", ossia_inbox.callback())
    with pytest.raises(AssertionError, match=r"2 callbacks arrived at .*, 1 expected"):
        ossia_inbox.one()
    with pytest.raises(AssertionError, match=r"2 callbacks arrived at .*, 0 expected"):
        ossia_inbox.expect(0)


def test_nobody_has_uploaded(ossia_bucket: TestBucket) -> None:
    ossia_bucket.put("before.txt")
    with Inbox(explain=Watch().explain) as inbox:
        ossia_bucket.get("before.txt")
        ossia_bucket.delete("before.txt")
        with pytest.raises(AssertionError) as failed:
            inbox.one(timeout_s=0.01)
    assert told(failed) == (
        "0 callbacks arrived at http://HOST/callback, 1 expected.\n"
        "Nobody has uploaded anything to http://HOST since this inbox opened."
    )


def test_uploads_without_a_callback(ossia_bucket: TestBucket, ossia_inbox: Inbox) -> None:
    ossia_bucket.put("a.txt")
    copied = {"x-oss-copy-source": f"/{ossia_bucket.name}/a.txt", **ossia_inbox.callback()}
    ossia_bucket.put("copy.txt", headers=copied)
    ossia_bucket.put("b.txt", headers={"x-oss-callback": "@"})
    with pytest.raises(AssertionError) as failed:
        ossia_inbox.one(timeout_s=0.01)
    assert told(failed) == (
        "0 callbacks arrived at http://HOST/callback, 1 expected.\n"
        "What http://HOST was asked for since this inbox opened:\n"
        "  PUT /BUCKET/a.txt (PutObject) was answered 200: the upload asked for no callback "
        "(header x-oss-callback, or ?callback=).\n"
        "  PUT /BUCKET/copy.txt (CopyObject) was answered 200: OSS sends no callback for it.\n"
        "  PUT /BUCKET/b.txt (PutObject) was answered 400: nothing was stored; the answer that the "
        "uploader got says why."
    )


def test_callbacks_that_went_elsewhere_or_failed() -> None:
    with TestServer(callback_allow=["127.0.0.1"]) as server:
        bucket = server.bucket()
        with Inbox(explain=Watch().explain) as inbox, FaultyReceiver() as faults:
            bucket.put("a.txt", "hello", faults.callback("refused", "size=${size}"))
            bucket.put("b.txt", "", faults.callback("unknown-name"))
            bucket.put("c.txt", "", callback_headers("http://localhost:1/"))
            inbox.script(Answer(status=500))
            bucket.put("d.txt", "", inbox.callback("x=${x:who}", who="ann"))
            with pytest.raises(AssertionError) as failed:
                inbox.expect(4, timeout_s=0.01)
    text = told(failed)
    assert "arrived: POST /callback x=ann\n" in text
    for line in (
        "  PUT /BUCKET/a.txt (PutObject) was answered 203, after this callback:",
        "    to http://HOST/callback, which is not this inbox (http://HOST/callback)",
        "      Nothing listens on HOST: the connection was refused.",
        "      body: size=5",
        "  PUT /BUCKET/b.txt (PutObject) was answered 203, after this callback:",
        "  PUT /BUCKET/d.txt (PutObject) was answered 203, after this callback:",
        "    to http://HOST/callback",
        "      body: x=ann",
    ):
        assert f"\n{line}\n" in f"{text}\n", line
    assert "has no IPv4 address for the server" in text
    assert "The application failed with 500" in text
    assert "Nobody has uploaded" not in text


def test_no_server_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ossia.testing.server._running", [])
    with (
        Inbox(explain=Watch().explain) as inbox,
        pytest.raises(AssertionError, match="No server for tests is running: take the fixture"),
    ):
        inbox.one(timeout_s=0.01)


def test_values_of_a_callback(ossia_bucket: TestBucket, ossia_inbox: Inbox) -> None:
    ossia_bucket.put("a.txt", "hello", ossia_inbox.callback('{"size":${size},"key":${object}}'))
    ossia_bucket.put("a.txt", "hello", ossia_inbox.callback("[${size}]"))
    in_json, in_form = ossia_inbox.expect(2)
    in_json.assert_values(size=5)
    with pytest.raises(AssertionError) as failed:
        in_json.assert_values(size=6, name="a.txt")
    assert told(failed) == (
        "The callback says something else:\n"
        "  size: expected 6, found 5\n"
        "  name: expected 'a.txt', and there is no name; there are key, size\n"
        '  in POST /callback {"size":5,"key":"a.txt"}'
    )
    with pytest.raises(AssertionError, match=r"there is no size; there are \[5\]"):
        in_form.assert_values(size=5)


def test_objects(ossia_bucket: TestBucket) -> None:
    ossia_bucket.assert_no_object("dir/a.txt")
    ossia_bucket.put("dir/a.txt", "hello", {"Content-Type": "text/plain"})
    found = ossia_bucket.assert_object("dir/a.txt", b"hello", {"Content-Type": "text/plain"})
    assert found.body == b"hello"
    ossia_bucket.assert_object("dir/a.txt", "hello")
    with pytest.raises(AssertionError) as failed:
        ossia_bucket.assert_object("dir/a.txt", "hallo", {"content-type": "a/b", "x-oss-a": "b"})
    text = told(failed)
    assert text.startswith(
        "BUCKET/dir/a.txt is not what was expected:\n"
        "  content: expected 5 bytes, found 5; from byte 1 on:\n"
        "    expected b'hallo'\n"
        "    found    b'hello'\n"
        "  header content-type: expected 'a/b', found 'text/plain'\n"
        "  header x-oss-a: expected 'b', and there is no x-oss-a; there are "
    )
    with pytest.raises(AssertionError, match=r"dir/a\.txt is there: 200, 5 bytes, last modified "):
        ossia_bucket.assert_no_object("dir/a.txt")


def test_objects_that_are_not_there(ossia_bucket: TestBucket) -> None:
    with pytest.raises(AssertionError, match=r"a\.txt does not exist; the bucket is empty\."):
        ossia_bucket.assert_object("a.txt")
    for number in range(12):
        ossia_bucket.put(f"x{number:02}")
    with pytest.raises(AssertionError) as failed:
        ossia_bucket.assert_object("something else")
    ten = ", ".join(f"'x{number:02}'" for number in range(10))
    assert told(failed) == (f"BUCKET/something else does not exist; the bucket holds 12: {ten}, ….")
    ossia_bucket.put("Something Else")
    with pytest.raises(AssertionError, match=r"not exist; similar: 'Something Else'\."):
        ossia_bucket.assert_object("something else")


def test_an_object_that_cannot_be_read(ossia_bucket: TestBucket) -> None:
    ossia_bucket.put("a.txt", "", {"x-oss-storage-class": "ColdArchive"})
    with pytest.raises(AssertionError, match=r"a\.txt cannot be read: 403 InvalidObjectState: "):
        ossia_bucket.assert_object("a.txt")
    with pytest.raises(AssertionError, match=r"a\.txt is there: 403"):
        ossia_bucket.assert_no_object("a.txt")


def test_faults_that_were_met(ossia_bucket: TestBucket, ossia_faults: FaultyReceiver) -> None:
    with pytest.raises(AssertionError, match=r"'status-500' was met by 0 .* none at all"):
        ossia_faults.assert_met("status-500")
    assert ossia_bucket.put("a.txt", "", ossia_faults.callback("status-500")).status == 203
    ossia_faults.assert_met("status-500")
    with pytest.raises(AssertionError, match=r"'bom' was met by 0 .* 1 expected.* status-500 1x"):
        ossia_faults.assert_met("bom")
    with pytest.raises(ValueError, match="Nobody can meet 'refused'"):
        ossia_faults.assert_met("refused")
    with pytest.raises(ValueError, match="There is no fault 'status-50O': status-50"):
        ossia_faults.callback("status-50O")
