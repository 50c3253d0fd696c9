"""What the cases of python/replayed_suite.py share: the client that is asked, and what is demanded of errors."""

import sys
from collections.abc import Callable

from harness import BUCKET, case, equal
from replayed import Answer, Client, started

CLIENT, SUITE = started(sys.argv[2:], BUCKET), sys.argv[1]


def refused(status: int, code: str, op: str, by: Client = CLIENT, **fields: object) -> Answer:
    answer = by.ask(op, **fields)  # type: ignore[arg-type]  # passed through
    equal(f"status of {answer.body!r:.300}", answer.status, status)
    if answer.body:
        equal("code", answer.find("Code"), code)
    equal("length of the request id", len(answer.header("x-oss-request-id")), 24)
    return answer


def text_of(key: str) -> str:
    return CLIENT.do("get", key=key).text


def case_of(*suites: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """A case that is reported of these alone; the tables of the cases say so, too."""
    return case if SUITE in suites else lambda run: run
