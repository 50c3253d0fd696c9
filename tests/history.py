"""Histories of one object each, and whether they are linearizable.

The judge is porcupine, a checker for Go, in the little program of ``tests/linearizability``; what an
object may do is said there (``object.go``).
"""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Final, Literal

_SOURCE: Final = Path(__file__).with_name("linearizability")
_PROGRAM: Final = Path(__file__).parents[1] / ".cache" / "linearizability" / "judge"

Kind = Literal["put", "copy", "append", "mark", "delete", "get", "head"]
OK: Final = "ok"
UNKNOWN: Final = ""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a client wants done.  ``content`` is the names of the pieces that it is made of."""

    kind: Kind
    content: str = ""
    size: int = 0
    etag: str = ""
    """Of what is put or copied, as the client knows it; of a get, its If-None-Match."""
    exclusive: bool = False
    position: int = 0
    mark: str = ""
    """A piece of metadata, which a copy of the object onto itself replaces."""


@dataclass(frozen=True, kw_only=True)
class Told:
    """What came back: `OK`, an error code, or `UNKNOWN`; and what was said of the object."""

    outcome: str = UNKNOWN
    content: str = ""
    size: int = 0
    """The object's length; after an append, or one that is refused, the next position."""
    etag: str = ""
    mark: str = ""
    appendable: bool = False


NOBODY_KNOWS: Final = Told()


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call and its answer, in nanoseconds; without one it may take effect at any time, or never."""

    client: int
    called: int
    answered: int | None
    asked: Asked
    told: Told = NOBODY_KNOWS


@dataclass(kw_only=True)
class History:
    """What was done with one object, which is absent at first."""

    name: str
    operations: list[Operation] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """``result`` is Ok, Illegal, or Unknown where a minute did not suffice."""

    name: str
    result: str
    seconds: float


def lacks_judge() -> str | None:
    """Why there can be no verdict on this machine."""
    return None if shutil.which("go") else "there is no 'go' to build the checker with"


def judge(histories: Sequence[History], pictures: Path) -> list[Verdict]:
    """The verdicts, in order; a page that shows it, for each that is illegal, goes to *pictures*."""
    pictures.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        [_program(), str(pictures)],
        input="".join(json.dumps(asdict(each)) + "\n" for each in histories),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]


@cache
def _program() -> str:
    # Go itself knows what needs building again.
    command = ["go", "build", "-o", str(_PROGRAM), "."]
    done = subprocess.run(command, cwd=_SOURCE, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return str(_PROGRAM)
