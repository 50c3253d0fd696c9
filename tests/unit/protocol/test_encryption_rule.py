"""What a rule may say, and that it comes back as it was said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import InvalidArgument, InvalidEncryptionAlgorithmError, MalformedXML
from ossia.protocol.encryption_rule import (
    IN_DOCUMENT,
    IN_HEADERS,
    EncryptionRule,
    make_rule,
    pack_rule,
    parse_rule,
    rule_xml,
    stored_rule,
)

ids = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=256)
rules = st.one_of(
    st.sampled_from([EncryptionRule("AES256"), EncryptionRule("SM4")]),
    st.tuples(ids, st.sampled_from(["", "SM4"])).map(lambda said: EncryptionRule("KMS", *said)),
)


@given(rules)
def test_a_rule_comes_back(rule: EncryptionRule) -> None:
    by_default = "ApplyServerSideEncryptionByDefault"
    inner = f"<{by_default}>{rule_xml(rule)}</{by_default}>"
    document = f"<ServerSideEncryptionRule>{inner}</ServerSideEncryptionRule>"
    assert parse_rule(document.encode()) == rule
    assert stored_rule(pack_rule(rule)) == rule
    assert make_rule(*rule, IN_HEADERS) == rule


@pytest.mark.parametrize(
    ("rule", "cipher"),
    [
        (EncryptionRule("AES256"), "AES256"),
        (EncryptionRule("SM4"), "SM4"),
        (EncryptionRule("KMS"), "AES256"),
        (EncryptionRule("KMS", "k", "SM4"), "SM4"),
    ],
)
def test_what_encrypts_the_bytes(rule: EncryptionRule, cipher: str) -> None:
    assert rule.cipher == cipher


@pytest.mark.parametrize("said", [("", "", ""), ("kms", "", ""), ("AES128", "", "")])
def test_other_algorithms(said: tuple[str, str, str]) -> None:
    with pytest.raises(InvalidEncryptionAlgorithmError):
        make_rule(*said, IN_DOCUMENT)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        (("AES256", "k", ""), "KMSMasterKeyID"),
        (("KMS", "", "AES256"), "KMSDataEncryption"),
        (("KMS", "k" * 257, ""), "KMSMasterKeyID"),
        (("KMS", "é", ""), "KMSMasterKeyID"),
        (("KMS", "a\nb", ""), "KMSMasterKeyID"),
    ],
)
def test_other_arguments(said: tuple[str, str, str], name: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        make_rule(*said, IN_DOCUMENT)
    assert refused.value.details["ArgumentName"] == name


def test_no_rule() -> None:
    with pytest.raises(MalformedXML):
        parse_rule(b"<ServerSideEncryptionRule/>")
