import json
from urllib.parse import parse_qsl

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ossia.errors import CallbackFailed
from ossia.protocol.callback_template import MAX_FILLED_BYTES, BodyType, Value, fill

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
