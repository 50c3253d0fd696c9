"""The corpus of hostile callback URLs: refused when decoded, or when their name is resolved."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from ossia.errors import InvalidArgument
from ossia.protocol.address_policy import AddressPolicy, Origin
from ossia.protocol.callback import CallbackConfig, decode_callback

CORPUS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "callback" / "hostile_urls.json").read_text("utf-8")
)
# What an operator may have opened: none of the corpus.
POLICIES = [
    AddressPolicy(),
    AddressPolicy.parse(["http://receiver.internal:8443", "https://127.0.0.1:1"]),
    AddressPolicy.parse(["http://10.0.0.77", "10.9.0.0/16"]),
]


def corpus(part: str) -> list[Any]:
    return [pytest.param(each, id=each["url"][:60]) for each in CORPUS[part]]


def decoded(url: str, policy: AddressPolicy | None) -> CallbackConfig:
    value = {"callbackUrl": url, "callbackBody": "x"}
    return decode_callback(
        base64.b64encode(json.dumps(value).encode()).decode(), address_policy=policy
    )


def test_the_corpus_is_large() -> None:
    assert len(CORPUS["spelt_out"]) + len(CORPUS["resolved"]) >= 60


@pytest.mark.parametrize("policy", POLICIES, ids=["none", "origins", "range"])
@pytest.mark.parametrize("case", corpus("spelt_out"))
def test_what_is_spelt_out_is_refused_when_decoded(
    case: dict[str, str], policy: AddressPolicy
) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decoded(case["url"], policy)
    assert refused.value.ec == "0007-00000008"
    assert refused.value.text == "Private address is forbidden to callback."
    assert "--callback-allow" in str(refused.value.details["Reason"])


@pytest.mark.parametrize("policy", POLICIES, ids=["none", "origins", "range"])
@pytest.mark.parametrize("case", corpus("resolved"))
def test_what_a_name_hides_is_refused_for_each_address(
    case: dict[str, Any], policy: AddressPolicy
) -> None:
    (url,) = decoded(case["url"], policy).urls
    for address in case["addresses"]:
        refusal = policy.refuse(address, Origin(url.scheme, url.host, url.port))
        assert refusal is not None
        assert "--callback-allow" in refusal


@pytest.mark.parametrize("case", corpus("malformed"))
def test_what_no_setting_would_allow_is_no_url(case: dict[str, str]) -> None:
    with pytest.raises(InvalidArgument) as refused:
        decoded(case["url"], AddressPolicy.parse(["loopback", "private"]))
    assert refused.value.ec == "0007-00000004"


@pytest.mark.parametrize("case", corpus("spelt_out"))
def test_a_disguise_is_refused_even_where_its_address_is_allowed(case: dict[str, Any]) -> None:
    networks = ["0.0.0.0/0", "::/0"]
    metadata = ["169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16"]
    more = ["192.0.0.192", "fd00:ec2::254"]
    everything = AddressPolicy.parse(["loopback", "private", *networks, *metadata, *more])
    if case["is_plain"]:
        assert decoded(case["url"], everything).urls
        return
    with pytest.raises(InvalidArgument) as refused:
        decoded(case["url"], everything)
    assert refused.value.ec == "0007-00000004"
