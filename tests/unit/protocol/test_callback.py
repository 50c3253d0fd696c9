import base64
import contextlib
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ossia.errors import CallbackFailed, InvalidArgument, OssError
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback import (
    MAX_FILLED_BYTES,
    MAX_PARAMETER_BYTES,
    Accepted,
    BodyType,
    CallbackConfig,
    Given,
    Rejected,
    Value,
    decode_callback,
    fill,
    judge_reply,
    only_way,
    outgoing_headers,
    string_to_sign,
)

GOOD = {"callbackUrl": "http://app.example.com/cb", "callbackBody": "a=${object}"}


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(raw).decode()


def decode(**changes: object) -> CallbackConfig:
    merged = GOOD | changes
    return decode_callback(b64({name: it for name, it in merged.items() if it is not None}))


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


def test_filling_stops_at_its_bound() -> None:
    with pytest.raises(CallbackFailed):
        fill("${a}" * 100, {"a": "é" * 1_000_000}, BodyType.FORM)
    room = MAX_FILLED_BYTES // 3
    assert len(fill("${a}", {"a": "/" * room}, BodyType.FORM)) == 3 * room
    with pytest.raises(CallbackFailed):
        fill("${a}xx", {"a": "/" * room}, BodyType.FORM)


def test_each_variable_is_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """D3: 10 KB of headers named one value a thousand times."""
    encoded: list[str] = []

    class Text(str):
        __slots__ = ()

        def isascii(self) -> bool:
            encoded.append(self[:1])
            return super().isascii()

    values = {"a": Text("a" * 50), "b": Text("b" * 50)}
    filled = fill("${a}${b}" * 1000, values, BodyType.FORM)
    assert len(filled) == 100_000
    assert sorted(encoded) == ["a", "b"]


# --- the template -------------------------------------------------------------

VALUES: dict[str, Value] = {
    "object": "dir/file a~中.txt",
    "size": 31,
    "crc64": 18446744073709551615,
    "mimeType": "text/plain; charset=utf-8",
    "vpcId": None,
    "imageInfo.width": None,
    "imageInfo.format": None,
    "x:note": "${size}",
    "x:empty": "",
    "x:quote": '"\\\n\u2028',
}


@pytest.mark.parametrize(
    ("body_type", "template", "expected"),
    [
        pytest.param(
            BodyType.FORM, "o=${object}", "o=dir%2Ffile%20a~%E4%B8%AD.txt", id="form-encodes"
        ),
        pytest.param(BodyType.FORM, "w=${imageInfo.width}&", "w=&", id="inapplicable-is-empty"),
        pytest.param(BodyType.FORM, "u=${nothing}&e=${x:none}", "u=&e=", id="unknown-is-empty"),
        pytest.param(
            BodyType.FORM, "n=${x:note}", "n=%24%7Bsize%7D", id="values-are-not-templates"
        ),
        pytest.param(
            BodyType.FORM, "${size},${crc64}", "31,18446744073709551615", id="form-numbers"
        ),
        pytest.param(BodyType.JSON, '{"size":${size}}', '{"size":31}', id="size-is-bare"),
        pytest.param(BodyType.JSON, '"${size}"', '"31"', id="template-may-quote-numbers"),
        pytest.param(BodyType.JSON, "${crc64}", "18446744073709551615", id="crc64-is-bare"),
        pytest.param(BodyType.JSON, "${object}", '"dir/file a~中.txt"', id="strings-are-quoted"),
        pytest.param(BodyType.JSON, "${imageInfo}", "null", id="unknown-is-null"),
        pytest.param(BodyType.JSON, "${x:none}", "null", id="custom-not-given-is-null"),
        pytest.param(BodyType.JSON, "${x:empty}", '""', id="custom-empty-is-empty"),
        pytest.param(BodyType.JSON, "${vpcId}", "null", id="no-vpc-is-null"),
        pytest.param(
            BodyType.JSON, "[${imageInfo.width},${imageInfo.height}]", "[,]", id="no-image"
        ),
        pytest.param(BodyType.JSON, "${imageInfo.format}", "null", id="no-image-format"),
        pytest.param(BodyType.JSON, "${x:note}", '"${size}"', id="json-values-are-not-templates"),
        pytest.param(BodyType.JSON, "${x:quote}", '"\\"\\\\\\n\u2028"', id="json-escapes"),
        pytest.param(
            BodyType.JSON, "${Object} ${SIZE}", "null null", id="names-are-case-sensitive"
        ),
        pytest.param(BodyType.JSON, " {\n} ", " {\n} ", id="text-is-copied"),
    ],
)
def test_fill(body_type: BodyType, template: str, expected: str) -> None:
    assert fill(template, VALUES, body_type).decode() == expected


@given(st.text())
@example("&admin=1#%26")
def test_no_value_leaves_its_place_in_a_form(value: str) -> None:
    clean = value.encode("utf-8", "replace").decode()
    filled = fill("a=${x:v}&b=${size}", {"x:v": clean, "size": 1}, BodyType.FORM).decode()
    assert parse_qsl(filled, keep_blank_values=True) == [("a", clean), ("b", "1")]
    assert filled.isascii()


@given(st.text())
@example('","admin":true,"x":"')
def test_no_value_leaves_its_place_in_json(value: str) -> None:
    clean = value.encode("utf-8", "replace").decode()
    filled = fill('{"a":${x:v},"b":[${x:v},${size}]}', {"x:v": clean, "size": 1}, BodyType.JSON)
    assert json.loads(filled) == {"a": clean, "b": [clean, 1]}


TEXTS = ["bucket", "object", "etag", "mimeType", "contentMd5", "clientIp", "reqId", "operation"]
CUSTOM = ["x:a", "x:A", "x:键值1", "x:a b", "x:", 'x:"', "x:&="]
NUMBERS = ["size", "crc64", "imageInfo.width", "imageInfo.height"]
PARTS = ["${size}", "${x:a}", "$", "{", "}", '"', "\\", "&", "=", "%", "+", "\n", "\0", "a", "值"]
hostile = st.lists(st.sampled_from(PARTS) | st.characters(codec="utf-8")).map("".join)
variables = st.fixed_dictionaries(
    dict.fromkeys((*TEXTS, *CUSTOM), hostile) | dict.fromkeys(NUMBERS, st.integers(0, 2**64 - 1))
)


@given(variables, st.permutations([*TEXTS, *CUSTOM, *NUMBERS]))
def test_no_variable_leaves_its_place_whatever_the_others_hold(
    values: dict[str, Value], order: list[str]
) -> None:
    """Issue 3: every variable of the table and any custom one, in any order, each twice."""
    template = "[" + ",".join(f"${{{name}}},[${{{name}}}]" for name in order) + "]"
    expected = [item for name in order for item in (values[name], [values[name]])]
    assert json.loads(fill(template, values, BodyType.JSON)) == expected
    form = "&".join(f"k{place}=${{{name}}}" for place, name in enumerate(order * 2))
    filled = fill(form, values, BodyType.FORM).decode("ascii")
    assert parse_qsl(filled, keep_blank_values=True, strict_parsing=True) == [
        (f"k{place}", str(values[name])) for place, name in enumerate(order * 2)
    ]


@given(st.text(), st.sampled_from(BodyType))
def test_filling_never_fails_on_text_without_utf_8_form(value: str, body_type: BodyType) -> None:
    fill("${x:v}", {"x:v": value + "\ud800"}, body_type)


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


# --- the request --------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "query", "body", "expected"),
    [
        ("/a%2Fb", "?x=%2F", b"z", b"/a/b?x=%2F\nz"),
        ("/%E4%B8%AD", "", b"", "/中\n".encode()),
        ("/cb", "?", b"", b"/cb?\n"),
        ("/a+b", "", b"\xff", b"/a+b\n\xff"),
        ("/%zz", "", b"", b"/%zz\n"),
    ],
)
def test_string_to_sign(path: str, query: str, body: bytes, expected: bytes) -> None:
    assert string_to_sign(path, query, body) == expected


def headers_of(config: CallbackConfig) -> dict[str, str]:
    return outgoing_headers(
        config,
        config.urls[0],
        b"body",
        authorization="sig",
        key_url="https://gosspublic.alicdn.com/callback_pub_key_v1.pem",
        date="Tue, 01 Jan 2030 00:00:00 GMT",
        request_id="5C0A",
        bucket="b",
        requester="1",
    )


def test_headers_of_the_request() -> None:
    assert headers_of(decode(callbackUrl="http://app.example.com:8080/cb")) == {
        "Host": "app.example.com:8080",
        "Connection": "close",
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-MD5": "hBotaJrYa9FhFEdFPCLG/A==",
        "Date": "Tue, 01 Jan 2030 00:00:00 GMT",
        "User-Agent": "aliyun-oss-callback",
        "authorization": "sig",
        # callback.md, 6: the value of all real traffic since 2018.
        "x-oss-pub-key-url": "aHR0cHM6Ly9nb3NzcHVibGljLmFsaWNkbi5jb20vY2FsbGJhY2tfcHViX2tleV92MS5wZW0=",
        "x-oss-request-id": "5C0A",
        "x-oss-bucket": "b",
        "x-oss-requester": "1",
        "x-oss-signature-version": "1.0",
        "x-oss-tag": "CALLBACK",
        "x-oss-additional-headers": "",
    }


def test_host_and_additional_headers() -> None:
    headers = headers_of(
        decode(
            callbackHost="other",
            additionalHeaders={"X-B": "2", "x-a": "1"},
            callbackBodyType="application/json",
        )
    )
    assert headers["Host"] == "other"
    assert headers["Content-Type"] == "application/json"
    assert headers["x-oss-additional-headers"] == "x-a;x-b"
    assert headers["X-B"] == "2"


# --- the reply ----------------------------------------------------------------

JSON_ERROR = Rejected("Response body is not valid json format.", "0007-00000205")
LENGTH_ERROR = Rejected(
    "Error Status : 400.User server return too long content-length value", "0007-00000203"
)


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b'{"Status":"OK"}', "application/json"),
        (b"[]", "text/html"),
        (b"1" * 5000, "application/json"),
        (b"1e999", "application/json"),
        (b'"\xe4\xb8\xad"', "application/json; charset=utf-8"),
        (b" \n{}\r\n", "application/json"),
        (b"<a>x</a>", "application/xml"),
        (b'<?xml version="1.0"?><a/>', "Application/XML; charset=utf-8"),
    ],
)
def test_accepted_replies(body: bytes, content_type: str) -> None:
    headers = {"content-length": str(len(body)), "content-type": content_type}
    assert judge_reply(200, headers, body) == Accepted(body, content_type)


def test_reply_without_content_type_is_json() -> None:
    assert judge_reply(200, {"content-length": "2"}, b"{}") == Accepted(b"{}", "application/json")


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"OK", "application/json"),
        (b"\xef\xbb\xbf{}", "application/json"),
        (b"\xff", "application/json"),
        (b"{'a':1}", "application/json"),
        (b"NaN", "application/json"),
        (b"{} {}", "application/json"),
        (b"[" * 200_000, "application/json"),
        (b"<html>not found</html>", "text/html"),
        (b"<a>x</a>", "text/xml"),
        (b"{}", "application/xml"),
        (b"", "application/xml"),
        (b"<a>", "application/xml"),
        (b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>', "application/xml"),
    ],
)
def test_replies_that_are_not_json(body: bytes, content_type: str) -> None:
    headers = {"content-length": str(len(body)), "content-type": content_type}
    assert judge_reply(200, headers, body) == JSON_ERROR


@pytest.mark.parametrize(
    "status", [100, 201, 204, 206, 301, 302, 400, 403, 404, 405, 500, 502, 599]
)
def test_any_other_status_is_a_failure(status: int) -> None:
    verdict = judge_reply(status, {"content-length": "2"}, b"{}")
    assert verdict == Rejected(f"Error status : {status}.", "0007-00000203")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"transfer-encoding": "chunked"},
        {"content-length": ""},
        {"content-length": "-1"},
        {"content-length": "1e3"},
        {"content-length": "٣"},
        {"content-length": "9" * 5000},
        {"content-length": "1048577"},
    ],
)
def test_reply_needs_a_modest_content_length(headers: dict[str, str]) -> None:
    assert judge_reply(200, headers, b"{}") == LENGTH_ERROR


def test_reply_limit_is_inclusive_and_configurable() -> None:
    body = b" " * (1024 * 1024 - 1) + b"1"
    assert isinstance(judge_reply(200, {"content-length": str(len(body))}, body), Accepted)
    assert judge_reply(200, {"content-length": "3"}, b"123", max_bytes=2) == LENGTH_ERROR
    assert judge_reply(200, {"content-length": "1"}, b"123", max_bytes=2) == LENGTH_ERROR


@given(
    st.integers(),
    st.dictionaries(st.sampled_from(["content-length", "content-type"]), st.text()),
    st.binary(),
)
def test_judging_never_raises(status: int, headers: dict[str, str], body: bytes) -> None:
    judge_reply(status, headers, body)
    judge_reply(200, {"content-length": "1", "content-type": "application/xml"}, body)
