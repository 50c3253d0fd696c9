import pytest

from ossia.protocol.engine_address import EngineAddress, parse_engine_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("s3://my-bucket", EngineAddress("my-bucket", "", ""), id="aws"),
        pytest.param(
            "s3://b.1-c/a/b_c/?endpoint=https://rgw:7480/",
            EngineAddress("b.1-c", "a/b_c", "https://rgw:7480"),
            id="engine-of-ones-own",
        ),
        pytest.param(
            "s3://bucket/?endpoint=http%3A%2F%2F127.0.0.1%3A7480",
            EngineAddress("bucket", "", "http://127.0.0.1:7480"),
            id="encoded",
        ),
        pytest.param(
            "s3://bucket/x?endpoint=http://[::1]:80",
            EngineAddress("bucket", "x", "http://[::1]:80"),
            id="ipv6",
        ),
    ],
)
def test_addresses(text: str, expected: EngineAddress) -> None:
    found = parse_engine_address(text)
    assert found == expected
    assert found.is_plain == expected.endpoint.startswith("http://")


@pytest.mark.parametrize(
    "text",
    [
        "s3:",
        "s3://",
        "s3:///prefix",
        "s3://Bucket",
        "s3://b",
        "s3://bucket:80/x",
        "s3://bucket/../x",
        "s3://bucket/a/./b",
        "s3://bucket/a//b",
        "s3://bucket/a b",
        "s3://bucket/ä",
        "s3://bucket/x#y",
        "s3://bucket/x?region=y",
        "s3://bucket/x?endpoint=",
        "s3://bucket/x?endpoint=rgw:7480",
        "s3://bucket/x?endpoint=ftp://rgw",
        "s3://bucket/x?endpoint=http://",
        "s3://bucket/x?endpoint=http://rgw:0",
        "s3://bucket/x?endpoint=http://rgw:x",
        "s3://bucket/x?endpoint=http://rgw:99999",
        "s3://bucket/x?endpoint=http://rgw/path",
        "s3://bucket/x?endpoint=http://rgw?a=b",
        "s3://bucket/x?endpoint=http://a&endpoint=http://b",
        "s3://bucket/x?endpoint=http://[::1",
        "s3://[bucket/x",
        "http://bucket/x",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_engine_address(text)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "s3://key:sesame@bucket/x",
        "s3://sesame@bucket",
        "s3://bucket/x?endpoint=https://key:sesame@rgw:7480",
        "s3://bucket/x?endpoint=https://sesame@rgw",
        "s3://bucket/x?secret=sesame",
        "s3://bucket/x?sesame",
        "s3://bucket/x?endpoint=https://rgw/?secret=sesame",
        "s3://bucket/x?endpoint=https://key:sesame@rgw/path",
        "s3://key:sesame@bucket:x/y?endpoint=https://key:sesame@rgw:7480:1/x",
    ],
)
def test_secrets_are_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_engine_address(text)
    assert "sesame" not in str(refused.value)


def test_addresses_are_shown() -> None:
    assert str(EngineAddress("b", "x", "https://rgw")) == "s3://b/x at https://rgw"
    assert str(EngineAddress("b", "", "")) == "s3://b/"
