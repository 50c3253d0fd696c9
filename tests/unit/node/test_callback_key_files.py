import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from ossia.node.callback_key_files import KeyFiles, KeyFilesError, bits_of, file_name, key_files
from ossia.protocol.callback_signature import CallbackKey

VECTORS = Path(__file__).parents[2] / "vectors" / "callback"
SHORT = CallbackKey.load((VECTORS / "test_key.pem").read_bytes())


def made() -> CallbackKey:
    """A key of 1024 bits: made faster than one of 2048."""
    key = generate_private_key(65537, 1024)  # noqa: S505 - signs nothing but tests
    return CallbackKey.load(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


class Clock:
    at = 0.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def files(tmp_path: Path, clock: Clock) -> KeyFiles:
    """An open folder with one key, the short one."""
    KeyFiles(tmp_path).add(SHORT)
    opened = KeyFiles(tmp_path, now=clock)
    opened.open()
    return opened


def test_a_first_start_makes_a_key_of_2048_bits(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    files.open()
    (key,) = files.keys().values()
    assert bits_of(key) == 2048
    again = KeyFiles(tmp_path)
    again.open()
    assert again.keys()[1].public_pem() == key.public_pem()
    assert [path.name for path in tmp_path.iterdir()] == ["callback_key.pem"]


def test_keys_are_numbered_and_private(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        files = KeyFiles(tmp_path)
        assert [files.add(SHORT), files.add(made()), files.add(made())] == [1, 2, 3]
    finally:
        os.umask(umask)
    assert [path.name for path in key_files(tmp_path).values()] == [
        "callback_key.pem",
        "callback_key_2.pem",
        "callback_key_3.pem",
    ]
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_number_is_given_twice_even_if_one_is_gone(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    files.add(SHORT)
    files.add(made())
    (tmp_path / file_name(1)).unlink()
    assert files.add(made()) == 3


def test_a_number_that_somebody_else_has_just_taken_is_left_to_them(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    assert files._put(1, b"theirs")
    assert not files._put(1, b"ours")
    assert (tmp_path / "callback_key.pem").read_bytes() == b"theirs"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_key_that_is_there_is_refused(tmp_path: Path) -> None:
    files = KeyFiles(tmp_path)
    files.add(SHORT)
    with pytest.raises(KeyFilesError, match="already, as number 1"):
        files.add(CallbackKey.load(SHORT.private_pem()))
    assert len(key_files(tmp_path)) == 1


def test_a_key_of_384_bits_is_too_short(tmp_path: Path) -> None:
    key = CallbackKey.load((VECTORS / "too_short_key.pem").read_bytes())
    with pytest.raises(KeyFilesError, match="fewer than 512 bits"):
        KeyFiles(tmp_path).add(key)
    assert key_files(tmp_path) == {}


def test_what_others_add_is_seen_after_a_second(
    files: KeyFiles, clock: Clock, tmp_path: Path
) -> None:
    added = made()
    KeyFiles(tmp_path).add(added)
    clock.at = 0.9
    assert list(files.keys()) == [1]
    clock.at = 1.0
    assert list(files.keys()) == [1, 2]
    assert files.keys()[2].public_pem() == added.public_pem()


def test_what_others_add_is_seen_at_once_if_asked_for(files: KeyFiles, tmp_path: Path) -> None:
    KeyFiles(tmp_path).add(made())
    assert list(files.keys(fresh=True)) == [1, 2]


def test_a_key_that_is_taken_away_is_forgotten(
    files: KeyFiles, clock: Clock, tmp_path: Path
) -> None:
    KeyFiles(tmp_path).add(made())
    clock.at = 2
    assert list(files.keys()) == [1, 2]
    (tmp_path / file_name(1)).unlink()
    clock.at = 4
    assert list(files.keys()) == [2]


def test_signing_goes_on_when_keys_cannot_be_read(
    files: KeyFiles, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / file_name(2)).write_bytes(b"nonsense")
    for turn in (1, 2, 3):
        clock.at = turn
        assert list(files.keys()) == [1]
    # Said once, not with every look.
    assert caplog.text.count("callback_key_unusable") == 1
    (tmp_path / file_name(1)).unlink()
    (tmp_path / file_name(2)).unlink()
    clock.at = 5
    assert list(files.keys()) == [1]
    tmp_path.rmdir()
    clock.at = 7
    assert list(files.keys()) == [1]
    tmp_path.write_bytes(b"no folder")
    clock.at = 9
    assert list(files.keys()) == [1]
    assert "callback_keys_unreadable" in caplog.text


def test_a_start_with_a_broken_key_says_which(tmp_path: Path) -> None:
    (tmp_path / "callback_key.pem").write_bytes(b"nonsense")
    with pytest.raises(KeyFilesError, match=r"callback_key\.pem cannot be used"):
        KeyFiles(tmp_path).open()


@pytest.mark.parametrize(
    "name",
    [
        "callback_key_1.pem",
        "callback_key_02.pem",
        "callback_key_x.pem",
        "callback_key.pem.new",
        ".callback_key.pem.0123",
        "xcallback_key.pem",
    ],
)
def test_other_files_are_no_keys(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(SHORT.private_pem())
    assert key_files(tmp_path) == {}


def test_a_folder_that_is_not_there_has_no_keys(tmp_path: Path) -> None:
    assert key_files(tmp_path / "none") == {}
