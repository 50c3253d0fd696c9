"""The page that says which client did which operation: what the server's access log tells of each suite."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ossia.api.operation import Operation
from ossia.api.oss import oss

PAGE = Path(__file__).parents[3] / "docs" / "compatibility.md"

CLIENTS: Mapping[str, str] = {
    # suite: the heading of its column
    "python_oss2": "oss2",
    "python_v2": "Python v2",
    "node": "ali-oss",
    "java": "Java",
    "go_v1": "Go v1",
    "go_v2": "Go v2",
    "c": "C",
    "cpp": "C++",
    "csharp": "C#",
    "php": "PHP",
    "ruby": "Ruby",
    "ossutil": "ossutil",
    "python_aiooss2": "aiooss2",
    "python_ossfs": "ossfs",
    "python_opendal": "OpenDAL",
    "python_django": "Django",
    "go_aliyungo": "aliyungo",
    "ruby_fog": "fog",
    "node_multer": "multer",
}

ONLY_REFUSED = frozenset(
    {"GetBucketReplication", "GetBucketTransferAcceleration", "GetBucketWebsite"}
)
"""Operations whose answer is always that there is none: the cases ask which error it is."""

_HEAD = """\
# Compatibility
<!-- Made by `make compatibility` from what the suites did; edits are overwritten. -->

Every operation that is offered, and the clients that did it here: each mark stands for a request that the client itself sent to a real
server, which did what it says; `make test` fails when this page says anything else. What each suite checks of the answers is in `tests/conformance/sdk`,
what the clients are in [clients.md](clients.md). No mark means that the suite of the client does not do it, most often because the client cannot:
`tests/conformance/sdk/sdk_operations.py` says why of each official SDK.

Where a client has no method of its own for an operation, its method for any request sends it (HeadBucket of Python v2 and Go, callback policies of Python v2
and Go). PostObject is a form: a plain client of the same language sends it, as the SDK (Java, ali-oss) or its sample (the others) signs it. GetBucketReplication,
GetBucketTransferAcceleration and GetBucketWebsite have one answer here, an error that there is none, and it is that error which the client read.
"""


def page(done: Mapping[str, frozenset[str]]) -> str:
    """The page; *done* are the operations of each suite."""
    suites = [each for each in CLIENTS if each in done]
    lines = [_HEAD, _row("operation", [CLIENTS[each] for each in suites])]
    lines.append("|---|" + ":-:|" * len(suites))
    shown = [each for each in _offered() if any(each.name in done[suite] for suite in suites)]
    for operation in shown:
        marks = ["●" if operation.name in done[suite] else "" for suite in suites]
        lines.append(_row(operation.name, marks))
    others = [each.name for each in _offered() if each not in shown]
    if others:
        lines += ["", "Done by no suite, and tested by requests that are signed by hand:", ""]
        lines.append(", ".join(others) + ".")
    return "\n".join([*lines, ""])


def _offered() -> list[Operation]:
    return sorted(oss.operations, key=lambda each: (each.topic, each.name))


def _row(first: str, cells: Sequence[str]) -> str:
    return f"| {first} | " + " | ".join(cells) + " |"
