"""What the cases of ossutil share: running it, and reading what it prints."""

import subprocess
import sys

from harness import BUCKET, ENDPOINT, KEY_ID, KEY_SECRET, REGION, SCRATCH, SIGNATURE, file

ROOT = f"oss://{BUCKET}"
IDENTITY = {"access-key-id": KEY_ID, "access-key-secret": KEY_SECRET}
# It asks before it replaces, and keeps its notes where it is told to.
NOTES = {"checkpoint-dir": str(SCRATCH / "checkpoints"), "output-dir": str(SCRATCH / "output")}


def command(*arguments: str, **identity: str) -> tuple[str, ...]:
    given = {**IDENTITY, **identity, "endpoint": ENDPOINT, "sign-version": SIGNATURE}
    options = [f"--{name}={value}" for name, value in {**given, "region": REGION}.items()]
    # No file of settings, whatever the machine has.
    return (sys.argv[1], *arguments, *options, f"--config-file={SCRATCH / 'no.config'}")


def run(*arguments: str, **identity: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command(*arguments, **identity),
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        cwd=SCRATCH,
    )


def ossutil(*arguments: str, **identity: str) -> str:
    done = run(*arguments, **identity)
    assert not done.returncode, f"{arguments}: {done.stdout[-600:]}{done.stderr[-600:]}"
    return done.stdout


def refused(code: str, *arguments: str, **identity: str) -> None:
    done = run(*arguments, **identity)
    text = done.stdout + done.stderr
    assert done.returncode, f"{arguments} is not refused: {text}"
    assert code in text, f"{arguments}, wanted {code}: {text}"


def copy_to(url: str, content: bytes, *options: str, **identity: str) -> None:
    source = file("source", content)
    ossutil("cp", source, url, "-f", *options, *notes(), **identity)


def content_of(url: str, *options: str, **identity: str) -> bytes:
    target = SCRATCH / "target"
    target.unlink(missing_ok=True)
    ossutil("cp", url, str(target), "-f", *options, *notes(), **identity)
    return target.read_bytes()


def notes() -> list[str]:
    return [f"--{name}={value}" for name, value in NOTES.items()]


def stat(url: str) -> dict[str, str]:
    lines = [line.partition(":") for line in ossutil("stat", url).splitlines()]
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def names(*arguments: str) -> list[str]:
    return [line for line in ossutil("ls", "-s", *arguments).splitlines() if line[:6] == "oss://"]
