"""Eight RSA signatures at once, by Intel's crypto_mb, for a third of what eight cost one by one.

The library (extra ``batch-signing``) puts one signature into each of the eight lanes of the
processor's widest registers.  It needs AVX-512 IFMA, which Intel's servers have since 2021 and
AMD's since 2022; where that or the library is missing, OpenSSL signs everything.

A signature computed wrongly, by a processor with a fault, can give the private key away to whoever
sees it (Boneh, DeMillo and Lipton, 1997).  OpenSSL checks each of its own; here all eight are
checked with the public key, which costs a twentieth.
"""

import ctypes
import hashlib
import logging
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Any, Final, Self

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateNumbers

from ossia.protocol.callback_signature import EXPONENT, MD5_BYTES, CallbackKey, padded

log = logging.getLogger("ossia.signatures")

LANES: Final = 8
WORTH_FROM: Final = 3
"""All lanes cost the same however few are in use: about 2.3 signatures by OpenSSL."""

_LIBRARY: Final = "libcrypto_mb.so"
_ALGORITHMS: Final = {1024: 0, 2048: 1, 3072: 2, 4096: 3}
"""``MBX_ALGO_RSA_…`` by the bits of the modulus."""
_RUNTIME: Final = ("libintlc.so.5", "libimf.so", "libirng.so", "libsvml.so")
"""What the library is linked with, in the order in which they need each other."""
_PACKAGES: Final = ("ipp-crypto", "intel-cmplr-lib-rt")

_Pointers = ctypes.c_void_p * LANES


class CryptoMb:
    """The library, loaded."""

    def __init__(self, library: ctypes.CDLL) -> None:
        library.mbx_get_algo_info.restype = ctypes.c_uint64
        library.mbx_get_algo_info.argtypes = [ctypes.c_int]
        self._library = library

    @classmethod
    def find(cls) -> Self | None:
        """The library where it is installed and can be loaded."""
        found = _installed()
        try:
            for name in _RUNTIME:
                # They lie beside it, where the loader does not look; those loaded it finds.
                ctypes.CDLL(str(found[name]))
            return cls(ctypes.CDLL(str(found[_LIBRARY])))
        except KeyError:
            return None
        except (OSError, AttributeError) as error:
            log.warning("crypto_mb_unusable reason=%s", error)
            return None

    def supports(self, bits: int) -> bool:
        """Whether it makes signatures of that length by eights, on this processor."""
        algorithm = _ALGORITHMS.get(bits)
        return algorithm is not None and bool(self._library.mbx_get_algo_info(algorithm) & LANES)

    def signer(self, key: CallbackKey) -> "EightAtOnce | None":
        """A signer for *key*; None where the processor or the kind of key does not allow it."""
        numbers = key.numbers()
        # Primes of unequal length are allowed, and nobody makes them.
        has_halves = max(numbers.p, numbers.q).bit_length() * 2 == key.bits
        fits = numbers.public_numbers.e == EXPONENT and has_halves and self.supports(key.bits)
        return EightAtOnce(self._library, numbers) if fits else None


class EightAtOnce:
    """Signs up to eight messages with one key.  See `ossia.ports.BatchSigner`."""

    most = LANES
    worth_from = WORTH_FROM

    def __init__(self, library: ctypes.CDLL, numbers: RSAPrivateNumbers) -> None:
        modulus = numbers.public_numbers.n
        bits = modulus.bit_length()
        self._bytes = bits // 8
        # What pointers lead to is known to nobody else.
        self._kept: list[Any] = []
        head = padded(bytes(MD5_BYTES), self._bytes)[:-MD5_BYTES]
        self._given = bytearray((head + bytes(MD5_BYTES)) * LANES)
        self._made = bytearray(self._bytes * LANES)
        self._checked = bytearray(self._bytes * LANES)
        given, made, checked = map(self._lanes, (self._given, self._made, self._checked))
        halves = (numbers.p, numbers.q, numbers.dmp1, numbers.dmq1, numbers.iqmp)
        secret = [self._in_every_lane(value, bits // 2) for value in halves]
        public = self._in_every_lane(modulus, bits)
        self._private = _bound(library.mbx_rsa_private_crt_mb8, bits, given, made, *secret)
        self._public = _bound(library.mbx_rsa_public_mb8, bits, made, checked, public)

    def _in_every_lane(self, value: int, bits: int) -> Any:
        """Pointers to one number: 64-bit words, the lowest first."""
        content = value.to_bytes(bits // 8, "little")
        words = (ctypes.c_uint64 * (bits // 64)).from_buffer_copy(content)
        self._kept.append(words)
        return _Pointers(*[ctypes.addressof(words)] * LANES)

    def _lanes(self, buffer: bytearray) -> Any:
        lane = ctypes.c_ubyte * self._bytes
        # They keep the buffer from moving.
        lanes = [lane.from_buffer(buffer, at) for at in range(0, len(buffer), self._bytes)]
        self._kept += lanes
        return _Pointers(*map(ctypes.addressof, lanes))

    def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        """Up to eight signatures.  Raises `ArithmeticError` if any cannot be relied on."""
        size, given = self._bytes, self._given
        for lane, message in enumerate(messages, 1):
            digest = hashlib.md5(message, usedforsecurity=False).digest()
            given[lane * size - MD5_BYTES : lane * size] = digest
        status = self._private() or self._public()
        if status or self._checked != given:
            raise ArithmeticError(f"crypto_mb signed wrongly, status {status:#x}")
        made = bytes(self._made)
        return [made[lane * size : (lane + 1) * size] for lane in range(len(messages))]


def _installed() -> dict[str, Path]:
    """The files of the packages by name; empty if one of these is missing."""
    found: dict[str, Path] = {}
    with suppress(PackageNotFoundError):
        for package in _PACKAGES:
            found |= {each.name: Path(str(each.locate())) for each in files(package) or ()}
    return found


def _bound(function: Any, bits: int, *lanes: Any) -> Any:
    """A call with these arguments and none but defaults behind them."""
    function.restype = ctypes.c_uint32
    # What is cast keeps what it was.
    pointers = [ctypes.cast(each, ctypes.c_void_p) for each in lanes]
    method = buffer = ctypes.c_void_p()
    return lambda: function(*pointers, ctypes.c_int(bits), method, buffer)
