import contextlib
from typing import Any

import pytest
from callback_texts import GOOD, b64, decode
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidArgument, OssError
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback import Given, decode_callback, only_way
from ossia.protocol.callback_parameter import MAX_PARAMETER_BYTES
from ossia.protocol.callback_template import BodyType

# callback.md, 12.3: the sample as the SDKs send it.
SAMPLE = (
    "eyJjYWxsYmFja1VybCI6Imh0dHA6Ly9hcHAuZXhhbXBsZS5jb206ODA4MC9jYj94PTEiLCJjYWxsYmFja0JvZHkiOiJi"
    "dWNrZXQ9JHtidWNrZXR9Jm9iamVjdD0ke29iamVjdH0mZXRhZz0ke2V0YWd9JnNpemU9JHtzaXplfSZtaW1lVHlwZT0k"
    "e21pbWVUeXBlfSZteT0ke3g6bXlfdmFyfSIsImNhbGxiYWNrQm9keVR5cGUiOiJhcHBsaWNhdGlvbi94LXd3dy1mb3Jt"
    "LXVybGVuY29kZWQifQ=="
)


def test_sample_of_the_documentation() -> None:
    config = decode_callback(SAMPLE, "eyJ4Om15X3ZhciI6ImZvci1jYWxsYmFjay10ZXN0In0=")
    (url,) = config.urls
    assert str(url) == "http://app.example.com:8080/cb?x=1"
    assert (url.host, url.port, url.path, url.query) == ("app.example.com", 8080, "/cb", "?x=1")
    assert config.body_type is BodyType.FORM
    assert config.variables == {"x:my_var": "for-callback-test"}
    assert config.body.endswith("&my=${x:my_var}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("121.101.166.30/test.php", ["http://121.101.166.30/test.php"]),
        ("www.aliyuncs.com/a;", ["http://www.aliyuncs.com/a"]),
        ("http://a.b/x ; https://c.d", ["http://a.b/x", "https://c.d/"]),
        ("HTTPS://A.b:8443?", ["https://A.b:8443/?"]),
        ("http://h.example?x=1", ["http://h.example/?x=1"]),
        ("http://app:8000/cb", ["http://app:8000/cb"]),
        ("localhost:8000/cb", ["http://localhost:8000/cb"]),
        (
            "http://my_app.x/%E4%B8%AD?q=%zz&a[]={1}|\\",
            ["http://my_app.x/%E4%B8%AD?q=%zz&a[]={1}|\\"],
        ),
        ("a.b/go/http://x?u=http://y", ["http://a.b/go/http://x?u=http://y"]),
        ("http://a.b/x#part", ["http://a.b/x"]),
        (";".join(["a.b"] * 5) + ";;", ["http://a.b/"] * 5),
    ],
)
def test_urls(text: str, expected: list[str]) -> None:
    assert [str(url) for url in decode(callbackUrl=text).urls] == expected


def test_default_ports() -> None:
    assert [url.port for url in decode(callbackUrl="a.b;https://a.b;http://a.b:99").urls] == [
        80,
        443,
        99,
    ]


@pytest.mark.parametrize("body_type", ["", "application/json", "APPLICATION/JSON", None])
def test_body_types(body_type: str | None) -> None:
    found = decode(callbackBodyType=body_type).body_type
    assert found is (BodyType.JSON if body_type else BodyType.FORM)


def test_optional_fields() -> None:
    config = decode(
        callbackHost="your.host:81", callbackSNI=True, additionalHeaders={"X-A": "b"}, unknown=[1]
    )
    assert (config.host, config.sni, dict(config.additional_headers)) == (
        "your.host:81",
        True,
        {"X-A": "b"},
    )


def test_variables_keep_their_characters() -> None:
    # Documentation demands lower case; the Java SDK's tests use this name with success.
    variables = {"x:键值1": "值", "x:A": "a"}
    assert decode_callback(b64(GOOD), b64(variables)).variables == variables


def test_form_variables_are_plain_and_not_limited_to_5_kb() -> None:
    named = b64(GOOD | {"callbackBody": "${x:long}"})
    config = decode_callback(named, form_variables={"x:long": "v" * 100_000})
    assert len(config.variables["x:long"]) == 100_000


def test_form_variables_have_one_spelling() -> None:
    """C2: a template may name them in any case, and gets what the policy was asked about."""
    named = b64(GOOD | {"callbackBody": "${x:uid}${x:UID}${x:other}"})
    config = decode_callback(named, form_variables={"x:uid": "7", "x:unnamed": "8"})
    assert config.variables == {"x:uid": "7", "x:UID": "7"}


def test_names_in_callback_var_that_are_no_variables_are_ignored() -> None:
    """W31."""
    variables = {"uid": 1, "xuid": "2", "": [], "x:uid": "7"}
    assert decode_callback(b64(GOOD), b64(variables)).variables == {"x:uid": "7"}


@pytest.mark.parametrize("sni", ["true", "false", 123, 0, None, [], {}])
def test_callback_sni_is_a_boolean(sni: object) -> None:
    """W30."""
    with pytest.raises(InvalidArgument) as refused:
        decode_callback(b64(GOOD | {"callbackSNI": sni}))
    assert refused.value.text == "The callback sni is invalid."
    assert refused.value.details["ArgumentName"] == "callback"


@pytest.mark.parametrize("sni", [True, False])
def test_callback_sni_is_kept(sni: bool) -> None:
    assert decode_callback(b64(GOOD | {"callbackSNI": sni})).sni is sni


BAD_ADDITIONAL_HEADERS: list[object] = [
    [],
    "a",
    {"x-oss-a": "b"},
    {"X-OSS-A": "b"},
    {"a b": "c"},
    {"a": 1},
    {"a": "b\r\nc: d"},
    {"": "x"},
    {"Host": "evil"},
    {"content-length": "0"},
    {"Transfer-Encoding": "chunked"},
]
REFUSED: list[Any] = [
    pytest.param("A" * (MAX_PARAMETER_BYTES + 1), "0007-00000001", id="longer-than-5-kb"),
    pytest.param("not base64", "0007-00000002", id="not-base64"),
    pytest.param(b64(GOOD).rstrip("=") + "-_", "0007-00000002", id="url-safe-alphabet"),
    pytest.param("é", "0007-00000002", id="not-ascii"),
    pytest.param("", "0007-00000003", id="empty"),
    pytest.param(b64(b"{"), "0007-00000003", id="not-json"),
    pytest.param(b64(b"[1]"), "0007-00000003", id="not-an-object"),
    pytest.param(b64(b"\xff{}"), "0007-00000003", id="not-utf-8"),
    pytest.param(b64(b'\xef\xbb\xbf{"a":1}'), "0007-00000003", id="bom"),
    pytest.param(b64(b'{"a":NaN}'), "0007-00000003", id="nan"),
    pytest.param(b64(b'{"a":"\\ud800"}'), "0007-00000003", id="lone-surrogate"),
    pytest.param(b64(b"[" * 3000), "0007-00000003", id="deep"),
    pytest.param(b64(b'{"a":' * 600 + b"1" + b"}" * 600), "0007-00000004", id="nested"),
    pytest.param(b64({"callbackPolicy": "none"}), None, id="unknown-policy"),
    pytest.param(b64({"callbackPolicy": 1}), None, id="policy-of-wrong-type"),
    pytest.param(b64(GOOD | {"callbackPolicy": ["p"]}), None, id="policy-not-hashable"),
    pytest.param(b64({"callbackBody": "x"}), "0007-00000004", id="no-url"),
    *(
        pytest.param(b64(GOOD | {"callbackUrl": url}), "0007-00000004", id=f"url-{url}")
        for url in (
            "",
            ";;",
            1,
            None,
            ["http://a.b"],
            "my",
            "my:80",
            "my.com:test",
            "http://my.com:",
            "http://my.com:0/",
            "http://my.com:65536/",
            "http://my.com:-1/",
            "ftp://my.com/",
            "file:///etc/passwd",
            "gopher://a.b/",
            "//a.b/c",
            "http:///x",
            "http://",
            "http:/a.b",
            "http://user:pw@a.b/",
            "http://a.b@127.0.0.1/",
            "http://a.b\\@127.0.0.1/",
            "http://[::1]/",
            "http://::1/",
            "http://a..b/",
            "http://-a.b/",
            "http://a.b/中文",
            "http://中.文/",
            "http://a.b/x y",
            "http://a.b/\r\nHost: evil",
            "http://a.b\t/",
            "http://2130706433/",
            "http://0x7f.1/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://127.0.0.1./",
        )
    ),
    pytest.param(
        b64(GOOD | {"callbackUrl": ";".join(["a.b"] * 6)}), "0007-00000005", id="six-urls"
    ),
    pytest.param(b64(GOOD | {"callbackBody": 1}), "0007-00000010", id="body-not-a-string"),
    pytest.param(b64(GOOD | {"callbackBody": ""}), "0007-00000011", id="body-empty"),
    pytest.param(b64({"callbackUrl": "a.b"}), "0007-00000011", id="body-missing"),
    pytest.param(b64(GOOD | {"callbackBodyType": 1}), "0007-00000012", id="type-not-a-string"),
    pytest.param(
        b64(GOOD | {"callbackBodyType": "text/plain"}), "0007-00000013", id="type-unknown"
    ),
    pytest.param(b64(GOOD | {"callbackHost": "a\r\nb"}), "0007-00000004", id="host-injection"),
    pytest.param(b64(GOOD | {"callbackHost": 5}), "0007-00000004", id="host-not-a-string"),
    *(
        pytest.param(b64(GOOD | {"additionalHeaders": it}), "0007-00000026", id=f"additional-{it}")
        for it in BAD_ADDITIONAL_HEADERS
    ),
]


@pytest.mark.parametrize(("value", "ec"), REFUSED)
def test_refused_configurations(value: str, ec: str | None) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_callback(value)
    assert refused.value.ec == ec
    assert refused.value.status == 400
    assert refused.value.details["ArgumentName"] == "callback"
    assert "ArgumentValue" in refused.value.details


def test_known_messages() -> None:
    # callback.md, 8.
    for value, message in (
        ("?", "The callback configuration is not base64 encoded."),
        (b64(b"x"), "The callback configuration is not json format."),
    ):
        with pytest.raises(InvalidArgument) as refused:
            decode_callback(value)
        assert refused.value.text == message


def test_argument_value_is_the_decoded_text() -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_callback(b64(b'{"callbackUrl" : "my"}'))
    assert refused.value.details["ArgumentValue"] == '{"callbackUrl" : "my"}'


@pytest.mark.parametrize(
    ("variables", "ec"),
    [
        ("A" * (MAX_PARAMETER_BYTES + 1), "0007-00000101"),
        ("%%%", "0007-00000102"),
        (b64(b"x"), "0007-00000103"),
        (b64(b'{"x:a":"\\udfff"}'), "0007-00000103"),
        (b64([]), "0007-00000104"),
        (b64({"x:a": 1}), "0007-00000104"),
        (b64({"x:a": None}), "0007-00000104"),
        (b64({"a": "b", "x:a": ["b"]}), "0007-00000104"),
    ],
)
def test_refused_variables(variables: str, ec: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_callback(b64(GOOD), variables)
    assert refused.value.ec == ec
    assert refused.value.details["ArgumentName"] == "callback-var"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a=$x:my_var}", "Left brace must be adjacent to dollar sign."),
        ("a=$(object)", "Left brace must be adjacent to dollar sign."),
        ("costs 5$", "Left brace must be adjacent to dollar sign."),
        ("$${object}", "Left brace must be adjacent to dollar sign."),
        ("a=${object", "Right brace is missing."),
        ("a=${a${object}}", "Right brace is missing."),
    ],
)
def test_broken_templates_are_refused(body: str, message: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode(callbackBody=body)
    assert refused.value.text == message
    assert refused.value.ec == "0007-00000105"
    assert refused.value.details == {"ArgumentName": "ReplaceKeyPrefix", "ArgumentValue": body}


@pytest.mark.parametrize(
    "body", ["no variable", "{}}{", "%24%7Bbucket%7D", "${}", "${unknown}", "{${a}}"]
)
def test_other_text_is_no_error(body: str) -> None:
    assert decode(callbackBody=body).body == body


NOTHING: Given = (None, None)


@pytest.mark.parametrize(
    "ways",
    [
        [("a", None), ("b", None)],
        [("a", "v"), ("a", "v")],
        [("a", None), (None, "v")],
        [(None, "v"), ("a", None)],
        [(None, "v"), NOTHING, (None, "v")],
        [NOTHING, ("a", None), ("", None)],
    ],
)
def test_one_way_of_passing_per_request(ways: list[Given]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        only_way(*ways)
    assert refused.value.ec == "0007-00000027"
    assert refused.value.details["ArgumentName"] == "callback"


def test_the_way_in_use_is_taken_whole() -> None:
    assert only_way(NOTHING, ("a", "v")) == ("a", "v")
    assert only_way(("a", None), NOTHING) == ("a", None)
    assert only_way(NOTHING, NOTHING) == NOTHING


def test_callback_policy_of_the_bucket_replaces_the_fields() -> None:
    policies = {"p": (b64(GOOD), b64({"x:a": "stored", "x:b": "stored"}))}
    config = decode_callback(b64({"callbackPolicy": "p"}), b64({"x:a": "given"}), policies=policies)
    assert config.variables == {"x:a": "given", "x:b": "stored"}
    assert config.body == GOOD["callbackBody"]
    beside = {"callbackPolicy": "p", "callbackUrl": "http://other.example/", "callbackBody": "$"}
    assert decode_callback(b64(beside), policies=policies).urls == config.urls
    with pytest.raises(InvalidArgument):
        decode_callback(
            b64({"callbackPolicy": "p"}), policies={"p": (b64({"callbackPolicy": "p"}), "")}
        )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "localhost/x", "http://10.1.2.3:80", "a.b;http://169.254.169.254/"]
)
def test_forbidden_address_is_refused_before_storing(url: str) -> None:
    with pytest.raises(
        InvalidArgument, match=r"Private address is forbidden to callback\.\Z"
    ) as refused:
        decode_callback(b64(GOOD | {"callbackUrl": url}), address_policy=AddressPolicy())
    assert refused.value.ec == "0007-00000008"
    # W49: the text is compared whole, so the reason stands beside it.
    assert "--callback-allow" in str(refused.value.details["Reason"])
    assert decode(callbackUrl=url).urls


def test_variables_that_would_fill_gigabytes_are_refused() -> None:
    with pytest.raises(InvalidArgument) as refused:
        decode_callback(
            b64(GOOD | {"callbackBody": "${x:a}" * 500}), form_variables={"x:a": "a" * 2_000_000}
        )
    assert refused.value.ec == "0007-00000105"


@given(
    st.text() | st.binary().map(b64) | st.text().map(lambda it: b64(it.encode("utf-8", "replace")))
)
def test_decoding_raises_nothing_but_refusals(value: str) -> None:
    for arguments in ((value, None), (b64(GOOD), value)):
        try:
            decode_callback(*arguments)
        except OssError:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FIELDS = [
    *GOOD,
    "callbackHost",
    "callbackBodyType",
    "callbackSNI",
    "additionalHeaders",
    "callbackPolicy",
]


@given(st.dictionaries(st.sampled_from(FIELDS), json_values))
def test_fields_of_any_type_raise_nothing_but_refusals(changes: dict[str, object]) -> None:
    with contextlib.suppress(OssError):
        decode_callback(b64(GOOD | changes), address_policy=AddressPolicy())
