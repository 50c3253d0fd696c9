"""Runs the cases of test_sdk_faults.py through a Python SDK and tells what it showed."""

import base64
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FaultCase:
    """One upload and the target of its callback."""

    id: str
    operation: str
    endpoint: str
    bucket: str
    key: str
    content: str
    url: str
    body: str

    @property
    def callback(self) -> str:
        """The parameter's value."""
        fields = {"callbackUrl": self.url, "callbackBody": self.body}
        return base64.b64encode(json.dumps(fields).encode()).decode()


def show(run: Callable[[FaultCase], dict[str, Any]]) -> None:
    """Print a line for each case: what *run* says was shown."""
    for fields in json.loads(Path(os.environ["OSSIA_TEST_FAULTS"]).read_text()):
        case = FaultCase(**fields)
        try:
            shown = run(case)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a line
            shown = {"how": "crashed", "type": type(error).__name__, "message": str(error)}
        print(json.dumps({"case": case.id, "shown": shown}), flush=True)
