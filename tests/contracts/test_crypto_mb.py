"""`BatchSigner` by the real library: what it signs is what OpenSSL signs, or nothing."""

import base64
import logging
import math
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import (
    RSAPrivateNumbers,
    RSAPublicNumbers,
    generate_private_key,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.adapters import crypto_mb
from ossia.adapters.crypto_mb import LANES, CryptoMb, EightAtOnce
from ossia.protocol.callback_signature import CallbackKey, padded, verify
from ossia.protocol.private_pem import private_pem


def key_of(bits: int, exponent: int = 65537) -> CallbackKey:
    return CallbackKey.load(private_pem(generate_private_key(exponent, bits)))


KEY = key_of(2048)


@pytest.fixture(scope="module")
def library() -> CryptoMb:
    found = CryptoMb.find()
    if found is None:
        pytest.skip("the extra 'batch-signing' is not installed: it is for Linux on x86-64 only")
    if found.signer(KEY) is None:
        pytest.skip("this processor has no AVX-512 IFMA, without which crypto_mb signs nothing")
    return found


def signer_of(library: CryptoMb, key: CallbackKey) -> EightAtOnce:
    found = library.signer(key)
    assert found is not None
    return found


@pytest.mark.parametrize("bits", [1024, 2048, 3072, 4096])
def test_signatures_are_those_of_openssl(library: CryptoMb, bits: int) -> None:
    key = key_of(bits)
    signer = signer_of(library, key)
    for count in (1, 3, LANES, 2):
        messages = [b"%d of %d" % (number, count) for number in range(count)]
        made = [base64.b64encode(each).decode() for each in signer.sign(messages)]
        assert made == [key.sign(message) for message in messages]
        assert all(map(verify, [key.public_pem()] * count, made, messages))


@settings(max_examples=50)
@given(st.lists(st.binary(max_size=3000), min_size=1, max_size=LANES))
def test_any_messages(library: CryptoMb, messages: list[bytes]) -> None:
    made = [base64.b64encode(each).decode() for each in signer_of(library, KEY).sign(messages)]
    assert made == [KEY.sign(message) for message in messages]


def test_either_prime_may_be_the_larger(library: CryptoMb) -> None:
    numbers = KEY.numbers()
    for p, q in ((numbers.p, numbers.q), (numbers.q, numbers.p)):
        key = of_primes(p, q)
        made = signer_of(library, key).sign([b"x"])[0]
        assert base64.b64encode(made).decode() == KEY.sign(b"x")


def of_primes(p: int, q: int, exponent: int = 65537) -> CallbackKey:
    d = pow(exponent, -1, math.lcm(p - 1, q - 1))
    public = RSAPublicNumbers(exponent, p * q)
    halves = {"dmp1": d % (p - 1), "dmq1": d % (q - 1), "iqmp": pow(q, -1, p)}
    made = RSAPrivateNumbers(p=p, q=q, d=d, public_numbers=public, **halves)
    return CallbackKey.load(private_pem(made.private_key()))


def test_unequal_primes_are_left_to_openssl(library: CryptoMb) -> None:
    # 2**1279 - 1 and the first prime that makes 2048 bits of it.
    longer, shorter = 2**1279 - 1, 2**769 - 1
    while pow(3, shorter - 1, shorter) != 1 or shorter % 65537 == 1:
        shorter -= 2
    key = of_primes(longer, shorter)
    assert key.bits == 2048
    assert library.signer(key) is None
    assert verify(key.public_pem(), key.sign(b"x"), b"x")


def test_two_keys_do_not_disturb_each_other(library: CryptoMb) -> None:
    keys = [KEY, key_of(2048)]
    signers = [signer_of(library, key) for key in keys]
    for _ in range(3):
        for key, signer in zip(keys, signers, strict=True):
            assert base64.b64encode(signer.sign([b"x"])[0]).decode() == key.sign(b"x")


@pytest.mark.parametrize(("bits", "exponent"), [(512, 65537), (1032, 65537), (2048, 3)])
def test_other_keys_are_left_to_openssl(library: CryptoMb, bits: int, exponent: int) -> None:
    if bits == 512:
        pem = Path(__file__).parents[1] / "vectors" / "callback" / "test_key.pem"
        assert library.signer(CallbackKey.load(pem.read_bytes())) is None
    else:
        assert library.signer(key_of(bits, exponent)) is None


@pytest.mark.parametrize("fault", ["bit", "status of signing", "status of checking"])
def test_what_is_computed_wrongly_is_not_given_away(library: CryptoMb, fault: str) -> None:
    signer = signer_of(library, KEY)
    right = signer._private

    def with_a_wrong_bit() -> int:
        status: int = right()
        signer._made[256 * 5 + 17] ^= 4
        return status

    if fault == "bit":
        signer._private = with_a_wrong_bit
    else:
        setattr(signer, "_private" if "sign" in fault else "_public", lambda: 0x20)
    with pytest.raises(ArithmeticError, match="crypto_mb signed wrongly"):
        signer.sign([b"message"])


def test_without_the_packages_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crypto_mb, "_PACKAGES", ("ossia-no-such-package",))
    assert CryptoMb.find() is None


def test_a_broken_library_is_told_and_left(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "lib.so").write_bytes(b"no library")
    broken = dict.fromkeys((*crypto_mb._RUNTIME, crypto_mb._LIBRARY), tmp_path / "lib.so")
    monkeypatch.setattr(crypto_mb, "_installed", lambda: broken)
    with caplog.at_level(logging.WARNING):
        assert CryptoMb.find() is None
    assert "crypto_mb_unusable" in caplog.text


def test_padding_is_that_of_the_rfc() -> None:
    numbers = KEY.numbers().public_numbers
    made = int.from_bytes(base64.b64decode(KEY.sign(b"")))
    plain = pow(made, numbers.e, numbers.n).to_bytes(256)
    assert plain == padded(bytes.fromhex("d41d8cd98f00b204e9800998ecf8427e"), 256)
