import base64
import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import AccessDenied, InvalidPolicyDocument, OssError
from ossia.protocol.post_policy import PostPolicy, build

NOW = 1_893_456_000_000  # 2030-01-01T00:00:00Z
LATER = "2030-01-01T12:00:00.000Z"

# post-object.md, 9.
V1 = (
    "eyJleHBpcmF0aW9uIjoiMjAzMC0wMS0wMVQxMjowMDowMC4wMDBaIiwiY29uZGl0aW9ucyI6W1siY29udGVudC1sZW5n"
    "dGgtcmFuZ2UiLDAsMTA0ODU3NjAwMF0sWyJzdGFydHMtd2l0aCIsIiRrZXkiLCJ1c2VyLWRpci8iXV19"
)
V4 = (
    "eyJleHBpcmF0aW9uIjoiMjAzMC0wMS0wMVQwMTowMDowMC4wMDBaIiwiY29uZGl0aW9ucyI6W3siYnVja2V0IjoiZXhh"
    "bXBsZWJ1Y2tldCJ9LHsieC1vc3Mtc2lnbmF0dXJlLXZlcnNpb24iOiJPU1M0LUhNQUMtU0hBMjU2In0seyJ4LW9zcy1j"
    "cmVkZW50aWFsIjoidGVzdEFjY2Vzc0tleUlkLzIwMzAwMTAxL2NuLWhhbmd6aG91L29zcy9hbGl5dW5fdjRfcmVxdWVz"
    "dCJ9LHsieC1vc3MtZGF0ZSI6IjIwMzAwMTAxVDAwMDAwMFoifSxbImNvbnRlbnQtbGVuZ3RoLXJhbmdlIiwxLDEwXSxb"
    "ImVxIiwiJHN1Y2Nlc3NfYWN0aW9uX3N0YXR1cyIsIjIwMSJdLFsic3RhcnRzLXdpdGgiLCIka2V5IiwidXNlci9lcmlj"
    "LyJdLFsiaW4iLCIkY29udGVudC10eXBlIixbImltYWdlL2pwZyIsImltYWdlL3BuZyJdXSxbIm5vdC1pbiIsIiRjYWNo"
    "ZS1jb250cm9sIixbIm5vLWNhY2hlIl1dXX0="
)
V4_FIELDS = {
    "x-oss-signature-version": "OSS4-HMAC-SHA256",
    "x-oss-credential": "testAccessKeyId/20300101/cn-hangzhou/oss/aliyun_v4_request",
    "x-oss-date": "20300101T000000Z",
    "success_action_status": "201",
    "key": "user/eric/a.jpg",
    "content-type": "image/jpg",
}
DOCS_SAMPLE = (
    "eyJleHBpcmF0aW9uIjoiMjAxMy0xMi0wMVQxMjowMDowMFoiLCJjb25kaXRpb25zIjpbWyJjb250ZW50LWxlbmd0aC1y"
    "YW5nZSIsIDAsIDEwNDg1NzYwXSx7ImJ1Y2tldCI6ImFoYWhhIn0sIHsiQSI6ICJhIn0seyJrZXkiOiAiQUJDIn1dfQ=="
)


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def policy(*conditions: object) -> PostPolicy:
    return PostPolicy.parse(b64(json.dumps({"expiration": LATER, "conditions": conditions})))


def test_v1_sample() -> None:
    parsed = PostPolicy.parse(V1)
    assert parsed.length_range == (0, 1_048_576_000)
    assert parsed.expires_at_ms == NOW + 12 * 3_600_000
    parsed.check({"key": "user-dir/${filename}"}, "any", NOW)
    with pytest.raises(AccessDenied) as denied:
        parsed.check({"key": "other/x"}, "any", NOW)
    assert denied.value.text == (
        'Invalid according to Policy: Policy Condition failed: ["starts-with", "$key", "user-dir/"]'
    )
    assert denied.value.ec == "0006-00000227"


def test_v4_sample() -> None:
    parsed = PostPolicy.parse(V4)
    assert parsed.length_range == (1, 10)
    parsed.check(V4_FIELDS, "examplebucket", NOW, require_v4_fields=True)


@pytest.mark.parametrize(
    ("change", "echo"),
    [
        ({"success_action_status": "200"}, '["eq", "$success_action_status", "201"]'),
        ({"x-oss-date": "20300102T000000Z"}, '["eq", "$x-oss-date", "20300101T000000Z"]'),
        ({"content-type": "text/html"}, '["in", "$content-type", ["image/jpg", "image/png"]]'),
        ({"cache-control": "no-cache"}, '["not-in", "$cache-control", ["no-cache"]]'),
    ],
)
def test_failed_condition_is_echoed(change: dict[str, str], echo: str) -> None:
    with pytest.raises(AccessDenied) as denied:
        PostPolicy.parse(V4).check(V4_FIELDS | change, "examplebucket", NOW)
    assert denied.value.text.endswith(f"Policy Condition failed: {echo}")


def test_bucket_comes_from_the_host() -> None:
    with pytest.raises(AccessDenied, match=r'\["eq", "\$bucket", "examplebucket"\]'):
        PostPolicy.parse(V4).check(V4_FIELDS | {"bucket": "examplebucket"}, "other", NOW)


def test_documentation_sample_has_a_condition_on_an_unknown_field() -> None:
    parsed = PostPolicy.parse(DOCS_SAMPLE)
    moment = parsed.expires_at_ms - 1
    parsed.check({"key": "ABC", "a": "a"}, "ahaha", moment)
    with pytest.raises(AccessDenied, match=r'\["eq", "\$A", "a"\]'):
        parsed.check({"key": "ABC"}, "ahaha", moment)


def test_expired_policy_is_refused() -> None:
    parsed = PostPolicy.parse(V1)
    parsed.check({"key": "user-dir/"}, "b", parsed.expires_at_ms - 1)
    with pytest.raises(AccessDenied) as denied:
        parsed.check({"key": "user-dir/"}, "b", parsed.expires_at_ms)
    assert denied.value.text == "Invalid according to Policy: Policy expired."
    assert denied.value.ec == "0006-00000213"


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        (["starts-with", "$x-oss-meta-a", ""], {}),
        (["starts-with", "key", "a"], {"key": "ab"}),
        (["eq", "key", "a"], {"key": "a"}),
        (["EQ", "$KEY", "a"], {"key": "a"}),
        ({"Content-Type": "a"}, {"content-type": "a"}),
        ({"success_action_status": 200}, {"success_action_status": "200"}),
        (["not-in", "$absent", ["a"]], {}),
        ({"x:var": "中"}, {"x:var": "中"}),
        ({"key": ""}, {}),
    ],
)
def test_conditions_that_hold(condition: object, fields: dict[str, str]) -> None:
    policy(condition).check(fields, "b", NOW)


@pytest.mark.parametrize(
    ("condition", "fields"),
    [
        (["starts-with", "$key", "a"], {}),
        (["eq", "$key", "a"], {"key": "A"}),
        ({"callback": "x"}, {"callback": "y"}),
        ({"callback": "x"}, {}),
        (["in", "$key", []], {"key": ""}),
        (["in", "$key", ["a"]], {"key": "aa"}),
    ],
)
def test_conditions_that_fail(condition: object, fields: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        policy(condition).check(fields, "b", NOW)


def test_fields_without_condition_are_allowed() -> None:
    policy().check({"anything": "x", "callback": "y"}, "b", NOW)


def test_v4_fields_may_be_required_of_the_policy() -> None:
    policy().check(V4_FIELDS, "b", NOW)
    with pytest.raises(AccessDenied, match="x-oss-signature-version"):
        policy().check(V4_FIELDS, "b", NOW, require_v4_fields=True)


def test_several_ranges_all_hold() -> None:
    ranges = [["content-length-range", 0, 10], ["content-length-range", 5, 100]]
    assert policy(*ranges).length_range == (5, 10)
    assert policy().length_range is None


SIMPLE = "Invalid Policy: Invalid Simple-Condition: Simple-Conditions must have exactly one property specified."


@pytest.mark.parametrize(
    ("document", "ec", "message"),
    [
        ("{}", "0006-00000208", None),
        ('{"expiration":1}', "0006-00000210", None),
        ('{"expiration":1.5}', "0006-00000210", None),
        ('{"expiration":""}', "0006-00000211", None),
        ('{"expiration":"tomorrow","conditions":[]}', "0006-00000201", None),
        ('{"expiration":"2030-13-01T00:00:00Z","conditions":[]}', "0006-00000201", None),
        ('{"expiration":"2030-01-01T00:00:00+08:00","conditions":[]}', "0006-00000201", None),
        (f'{{"expiration":"{LATER}"}}', "0006-00000207", None),
        (f'{{"expiration":"{LATER}","conditions":{{}}}}', "0006-00000214", None),
        ("[]", "0006-00000201", None),
        ("", "0006-00000201", "Invalid Policy: Invalid JSON: unexpected end"),
        ("expiration", "0006-00000201", "Invalid Policy: Invalid JSON: unknown char e"),
        ('{"a":["x" "y"]}', "0006-00000201", "Invalid Policy: Invalid JSON: , or ] expected"),
        ('{"a":"]" "y"}', "0006-00000201", "Invalid Policy: Invalid JSON: , or } expected"),
        ('{"a":[{}, [1]] {', "0006-00000201", "Invalid Policy: Invalid JSON: , or } expected"),
        ('{"a":[{}, [1] {', "0006-00000201", "Invalid Policy: Invalid JSON: , or ] expected"),
        ('{"a":NaN}', "0006-00000201", None),
        ("[" * 5000, "0006-00000201", None),
        ("1" * 5000, "0006-00000201", None),
    ],
)
def test_documents_that_are_no_policy(document: str, ec: str, message: str | None) -> None:
    with pytest.raises(InvalidPolicyDocument) as refused:
        PostPolicy.parse(b64(document))
    assert refused.value.ec == ec
    assert refused.value.text.startswith("Invalid Policy: ")
    assert message in (None, refused.value.text)


@pytest.mark.parametrize(
    ("condition", "ec", "message"),
    [
        ({}, "0006-00000201", SIMPLE),
        ({"a": "b", "c": "d"}, "0006-00000201", SIMPLE),
        ([], "0006-00000216", None),
        ([1, "$a", "b"], "0006-00000216", None),
        (["like", "$a", "b"], "0006-00000216", None),
        (["eq", "$a"], "0006-00000218", None),
        (["content-length-range", 1, 2, 3], "0006-00000218", None),
        (["content-length-range", 2, 1], "0006-00000219", None),
        (["content-length-range", "1", 2], "0006-00000220", None),
        (["content-length-range", 1, 2.5], "0006-00000221", None),
        (["content-length-range", 1, True], "0006-00000221", None),
        (["content-length-range", -1, 2], "0006-00000223", None),
        ("eq", "0006-00000222", None),
        (1, "0006-00000222", None),
        (None, "0006-00000222", None),
        (["in", "$a", "b"], "0006-00000224", None),
        (["not-in", "$a", {"b": 1}], "0006-00000224", None),
        (["in", "$a", [None]], "0006-00000201", None),
        (["eq", 1, "b"], "0006-00000201", None),
        ({"a": 1.5}, "0006-00000201", None),
        ({"a": True}, "0006-00000201", None),
        ({"a": ["b"]}, "0006-00000201", None),
    ],
)
def test_items_that_are_no_condition(condition: object, ec: str, message: str | None) -> None:
    with pytest.raises(InvalidPolicyDocument) as refused:
        policy(condition)
    assert refused.value.ec == ec
    assert message in (None, refused.value.text)


@pytest.mark.parametrize("text", ["%", "é", base64.b64encode(b"\xff").decode(), "A" * 100_000])
def test_text_that_is_not_base64_of_utf_8(text: str) -> None:
    with pytest.raises(InvalidPolicyDocument) as refused:
        PostPolicy.parse(text)
    assert refused.value.ec == "0006-00000201"


def test_escaped_dollar_is_a_dollar() -> None:
    # PostObject documentation, "Policy": escapes of strings, "\$" among them.
    text = f'{{"expiration":"{LATER}","conditions":[["eq","\\$key","\\$\\\\$\\u0024"]]}}'
    PostPolicy.parse(b64(text)).check({"key": "$\\$$"}, "b", NOW)


def test_expiration_without_milliseconds() -> None:
    parsed = PostPolicy.parse(b64('{"expiration":"2030-01-01T00:00:00Z","conditions":[]}'))
    assert parsed.expires_at_ms == NOW


conditions = st.lists(
    st.dictionaries(st.text(min_size=1), st.text(), min_size=1, max_size=1)
    | st.tuples(st.just("eq"), st.text(min_size=1), st.text())
    | st.tuples(st.just("starts-with"), st.text(min_size=1), st.text())
)


@given(st.integers(0, 4_000_000_000_000), conditions)
def test_built_policies_are_parsed(expires_at_ms: int, given_conditions: list[object]) -> None:
    parsed = PostPolicy.parse(build(expires_at_ms=expires_at_ms, conditions=given_conditions))  # type: ignore[arg-type]
    assert parsed.expires_at_ms == expires_at_ms


def test_built_policy_is_the_one_of_the_vector() -> None:
    built = build(
        expires_at_ms=NOW + 12 * 3_600_000,
        conditions=[["content-length-range", 0, 1048576000], ["starts-with", "$key", "user-dir/"]],
    )
    assert built == V1


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.text()
    | st.binary().map(lambda it: base64.b64encode(it).decode())
    | st.text().map(lambda it: b64(it.encode("utf-8", "replace").decode()))
)
def test_parsing_raises_nothing_but_refusals(text: str) -> None:
    with pytest.raises(OssError):
        PostPolicy.parse(text)


@given(st.lists(json_values, max_size=3), st.dictionaries(st.text(), st.text(), max_size=3))
def test_checking_raises_nothing_but_refusals(items: list[object], fields: dict[str, str]) -> None:
    with contextlib.suppress(InvalidPolicyDocument, AccessDenied):
        policy(*items).check(fields, "b", NOW)


@pytest.mark.parametrize("field", ["content-type", "x-oss-content-type"])
@pytest.mark.parametrize(
    "given", ["text/html", "Text/HTML", "text/html; charset=utf-8", " text/html ;a"]
)
@pytest.mark.parametrize("listed", ["text/html", "TEXT/html", "text/html;charset=gbk"])
def test_c3_no_spelling_of_a_type_gets_around_not_in(field: str, given: str, listed: str) -> None:
    def fits(condition: list[object]) -> bool:
        policy = PostPolicy.parse(build(expires_at_ms=1, conditions=[condition]))
        try:
            policy.check({field: given, "a": given}, "b", 0)
        except AccessDenied:
            return False
        return True

    assert not fits(["not-in", f"${field}", ["image/png", listed]])
    assert fits(["not-in", f"${field}", ["text/htm", "text/html5", ""]])
    # Nothing else is anything but literal.
    assert fits(["not-in", "$a", [listed]]) == (given != listed)
    for mode in ("in", "eq"):
        wanted = [listed] if mode == "in" else listed
        assert fits([mode, f"${field}", wanted]) == (given == listed)
