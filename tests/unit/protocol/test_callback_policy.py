import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidArgument, MalformedXML
from ossia.protocol.callback_policy import (
    MAX_POLICIES,
    CallbackPolicy,
    parse_callback_policies,
    render_callback_policies,
    stored_callback_policies,
)

# As oss2 writes it (xml_utils.to_do_bucket_callback_policy_request).
SAMPLE = b"""<BucketCallbackPolicy>
<PolicyItem><PolicyName> test_1 </PolicyName><Callback>
 Y2FsbGJhY2s= </Callback><CallbackVar /></PolicyItem>
<PolicyItem><PolicyName>test_2</PolicyName><Callback>Yg==</Callback><CallbackVar>dmFy</CallbackVar></PolicyItem>
</BucketCallbackPolicy>"""


def test_a_document_of_the_sdks() -> None:
    assert parse_callback_policies(SAMPLE) == (
        CallbackPolicy("test_1", "Y2FsbGJhY2s=", ""),
        CallbackPolicy("test_2", "Yg==", "dmFy"),
    )
    assert dict(stored_callback_policies(SAMPLE)) == {
        "test_1": ("Y2FsbGJhY2s=", ""),
        "test_2": ("Yg==", "dmFy"),
    }


def test_an_empty_list_is_a_list() -> None:
    assert parse_callback_policies(b"<BucketCallbackPolicy/>") == ()
    assert parse_callback_policies(render_callback_policies(())) == ()


base64_text = st.text("ABCxyz019+/=", max_size=20)
names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), min_size=1, max_size=128
).filter(lambda name: name == name.strip())


@given(
    st.lists(
        st.builds(CallbackPolicy, names, base64_text, base64_text),
        unique_by=lambda policy: policy.name,
    )
)
def test_parsing_gives_what_was_rendered(policies: list[CallbackPolicy]) -> None:
    assert parse_callback_policies(render_callback_policies(tuple(policies))) == tuple(policies)


def numbered(count: int) -> bytes:
    return render_callback_policies(
        tuple(CallbackPolicy(str(number), "Yg==", "") for number in range(count))
    )


def test_the_number_of_policies_is_limited() -> None:
    assert len(parse_callback_policies(numbered(MAX_POLICIES))) == MAX_POLICIES
    with pytest.raises(MalformedXML):
        parse_callback_policies(numbered(MAX_POLICIES + 1))


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\tb", "n" * 129])
def test_bad_names(name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        parse_callback_policies(render_callback_policies((CallbackPolicy(name, "Yg==", ""),)))
    assert refused.value.details["ArgumentName"] == "PolicyName"


def test_names_are_unique() -> None:
    twice = (CallbackPolicy("a", "Yg==", ""), CallbackPolicy("a", "Yw==", ""))
    with pytest.raises(InvalidArgument) as refused:
        parse_callback_policies(render_callback_policies(twice))
    assert refused.value.details == {"ArgumentName": "PolicyName", "ArgumentValue": "a"}


@pytest.mark.parametrize("content", [b"", b"<Policy/>", b"{}", b"<BucketCallbackPolicy>"])
def test_other_documents_are_malformed(content: bytes) -> None:
    with pytest.raises(MalformedXML):
        parse_callback_policies(content)
