"""The mobile flow as the SDKs of Android and iOS speak it: token, upload, callback, resume.

`phones` says from which file of their sources each behaviour is.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import oss2  # type: ignore[import-untyped]
import pytest
from phones import (
    AndroidClient,
    Callback,
    ClientError,
    Clock,
    InterruptedUpload,
    IosClient,
    Phone,
    ServiceError,
)

from ports import free_port
from running import Demo

BODY = "filename=${object}&size=${size}&photo=${x:photo}&system=${x:system}"
"""The tutorial's."""

Make = Callable[[str, str, str, Clock], Phone]
phones = pytest.mark.parametrize("make", [AndroidClient, IosClient], ids=["android", "ios"])


def phone_of(make: Make, demo: Demo, clock: Clock = time.time) -> Phone:
    return make(demo.endpoint, demo.bucket, demo.page + "sts/getsts", clock)


def callback_to(url: str, **variables: str) -> Callback:
    return Callback(
        {"callbackUrl": url, "callbackBody": BODY},
        {f"x:{name}": value for name, value in variables.items()},
    )


def root_of(demo: Demo) -> oss2.Bucket:
    auth = oss2.Auth(demo.server.access_key_id, demo.server.access_key_secret)
    return oss2.Bucket(auth, demo.endpoint, demo.bucket)


@pytest.fixture
def movie(tmp_path: Path) -> Path:
    path = tmp_path / "movie.mp4"
    path.write_bytes(os.urandom(3 * 256 * 1024 + 77))
    return path


@phones
def test_token_upload_callback_answer(demo: Demo, make: Make) -> None:
    phone = phone_of(make, demo)
    told = callback_to(demo.page + "callback", photo="me / at the sea 照", system="phone")
    key = f"mobile/{make.__name__} 一+.jpg"
    result = phone.put(key, b"photo", told)
    assert result.etag == "5AE0C1C8A5260BC7B6648F6FBD115C35"
    answer: dict[str, Any] = json.loads(result.callback_body)
    assert (answer["Status"], answer["object"], answer["size"]) == ("OK", key, 5)
    assert answer["vars"] == {"photo": "me / at the sea 照", "system": "phone"}
    assert root_of(demo).get_object(key).read() == b"photo"


@phones
def test_upload_without_callback_has_no_body(demo: Demo, make: Make) -> None:
    assert phone_of(make, demo).put(f"mobile/{make.__name__}-plain", b"x").callback_body == ""


@phones
def test_variable_of_the_tutorial_that_is_never_set_is_empty(demo: Demo, make: Make) -> None:
    """The tutorial sets x:phone and asks for x:photo."""
    told = callback_to(demo.page + "callback", phone="1", system="phone")
    result = phone_of(make, demo).put(f"mobile/{make.__name__}-photo", b"x", told)
    assert json.loads(result.callback_body)["vars"]["photo"] == ""


@phones
def test_application_that_is_not_there_is_203(demo: Demo, make: Make) -> None:
    told = callback_to(f"http://127.0.0.1:{free_port()}/")
    key = f"mobile/{make.__name__}-203"
    with pytest.raises(ServiceError) as failed:
        phone_of(make, demo).put(key, b"kept", told)
    assert (failed.value.status, failed.value.code) == (203, "CallbackFailed")
    assert root_of(demo).get_object(key).read() == b"kept"


@phones
def test_one_token_serves_until_five_minutes_before_its_end(demo: Demo, make: Make) -> None:
    # The demonstration lends for 900 seconds.
    ahead = [0.0]
    phone = phone_of(make, demo, lambda: time.time() + ahead[0])
    for passed, fetched in ((0, 1), (10, 1), (595, 1), (605, 2)):
        ahead[0] = passed
        phone.put(f"mobile/{make.__name__}-refresh", b"x")
        assert phone.tokens_fetched == fetched, passed


@phones
@pytest.mark.parametrize("hours", [-3, 3])
def test_phone_with_a_wrong_clock_corrects_itself(demo: Demo, make: Make, hours: int) -> None:
    phone = phone_of(make, demo, lambda: time.time() + hours * 3600)
    key = f"mobile/{make.__name__}-clock{hours}"
    assert phone.put(key, b"x").etag
    assert len(phone.sent) == 2
    phone.put(key, b"y")
    assert len(phone.sent) == 3


@phones
def test_multipart_without_callback_is_xml(demo: Demo, make: Make, movie: Path) -> None:
    key = f"mobile/{make.__name__}-plain.mp4"
    result = phone_of(make, demo).resumable(key, movie)
    assert result.callback_body == ""
    assert result.etag.strip('"').endswith("-4")
    assert root_of(demo).get_object(key).read() == movie.read_bytes()


@phones
def test_multipart_with_callback_is_the_applications_answer(
    demo: Demo, make: Make, movie: Path
) -> None:
    key = f"mobile/{make.__name__}.mp4"
    told = callback_to(demo.page + "callback", photo="p", system="s")
    answer = json.loads(phone_of(make, demo).resumable(key, movie, told).callback_body)
    assert (answer["object"], answer["size"]) == (key, 3 * 256 * 1024 + 77)


@phones
def test_upload_goes_on_after_the_app_was_killed(
    demo: Demo, make: Make, movie: Path, tmp_path: Path
) -> None:
    records = tmp_path / "records"
    records.mkdir()
    key = f"mobile/{make.__name__}-resumed.mp4"
    told = callback_to(demo.page + "callback", photo="p", system="s")
    with pytest.raises(InterruptedUpload):
        phone_of(make, demo).resumable(key, movie, told, records=records, stop_after=2)
    assert len(list(records.iterdir())) == 1
    # Another process: another token, the same upload.
    again = phone_of(make, demo)
    answer = json.loads(again.resumable(key, movie, told, records=records).callback_body)
    assert answer["size"] == movie.stat().st_size
    assert [method for method, _, _ in again.sent] == ["GET", "PUT", "PUT", "POST"]
    assert list(records.iterdir()) == []
    assert root_of(demo).get_object(key).read() == movie.read_bytes()


@phones
def test_upload_that_was_aborted_meanwhile_begins_anew(
    demo: Demo, make: Make, movie: Path, tmp_path: Path
) -> None:
    records = tmp_path / "records"
    records.mkdir()
    key = f"mobile/{make.__name__}-aborted.mp4"
    with pytest.raises(InterruptedUpload):
        phone_of(make, demo).resumable(key, movie, records=records, stop_after=1)
    (record,) = records.iterdir()
    root_of(demo).abort_multipart_upload(key, record.read_text())
    again = phone_of(make, demo)
    again.resumable(key, movie, records=records)
    assert [method for method, _, _ in again.sent].count("PUT") == 4
    assert root_of(demo).get_object(key).read() == movie.read_bytes()


@phones
def test_token_server_that_refuses_is_told_to_the_app(demo: Demo, make: Make) -> None:
    phone = make(demo.endpoint, demo.bucket, demo.page + "no-such-path", time.time)
    with pytest.raises(ClientError):
        phone.put("mobile/x", b"x")
