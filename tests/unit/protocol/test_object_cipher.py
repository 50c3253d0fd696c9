"""Any byte of any place is decrypted by itself, and no two places share a stream."""

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from hypothesis import given
from hypothesis import strategies as st

from ossia.protocol.object_cipher import AES256, IN_ROW, SM4, ObjectCipher, crypt_in_place

KEY = bytes(range(32))
ALGORITHMS = pytest.mark.parametrize("algorithm", [AES256, SM4])


@ALGORITHMS
def test_the_stream_is_that_of_the_algorithm(algorithm: str) -> None:
    """Written down once more: what is on disks is read by it as long as there are disks."""
    kind, length = (algorithms.AES, 32) if algorithm == AES256 else (algorithms.SM4, 16)
    info = f"ossia object {algorithm} blob".encode()
    key = HKDFExpand(SHA256(), length, info).derive(KEY)
    stream = Cipher(kind(key), modes.CTR(bytes(16))).encryptor().update(bytes(100))
    assert ObjectCipher(KEY, algorithm).crypt("blob", bytes(100)) == stream


@ALGORITHMS
@given(
    content=st.binary(min_size=1, max_size=400),
    cuts=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=6),
)
def test_every_range_is_that_of_the_whole(
    algorithm: str, content: bytes, cuts: list[tuple[int, int]]
) -> None:
    cipher = ObjectCipher(KEY, algorithm)
    hidden = cipher.crypt("blob", content)
    assert cipher.crypt("blob", hidden) == content
    for start, length in cuts:
        part = hidden[start : start + length]
        assert cipher.crypt("blob", part, start) == content[start : start + length]
        stream = cipher.stream("blob", start)
        halves = stream.update(part[:13]) + stream.update(part[13:])
        assert halves == content[start : start + length]


@ALGORITHMS
@given(offset=st.integers(0, 2**80))
def test_the_counter_runs_over_every_size(algorithm: str, offset: int) -> None:
    cipher = ObjectCipher(KEY, algorithm)
    ahead = cipher.crypt("blob", bytes(64), offset)
    assert cipher.crypt("blob", bytes(31), offset + 33) == ahead[33:]


@ALGORITHMS
def test_places_and_keys_share_nothing(algorithm: str) -> None:
    ciphers = [ObjectCipher(KEY, algorithm), ObjectCipher(KEY[::-1], algorithm)]
    streams = {each.crypt(place, bytes(32)) for each in ciphers for place in (IN_ROW, "a", "b")}
    assert len(streams) == 6


@ALGORITHMS
@pytest.mark.parametrize("size", [0, 1, 65_536, 200_001])
def test_a_buffer_is_encrypted_in_its_place(algorithm: str, size: int) -> None:
    cipher, content = ObjectCipher(KEY, algorithm), bytes(range(256)) * 800
    buffer = bytearray(content[:size])
    stream = cipher.stream("blob")
    crypt_in_place(stream, memoryview(buffer)[: size // 2])
    crypt_in_place(stream, memoryview(buffer)[size // 2 :])
    assert bytes(buffer) == cipher.crypt("blob", content[:size])
