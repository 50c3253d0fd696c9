"""docs/compatibility.md says what the suites did: ``make compatibility`` writes it anew."""

import os

import pytest
from compatibility import CLIENTS, PAGE, page
from sdk_matrix import VARIANTS
from sdk_world import Runs


@pytest.mark.slow
def test_the_page_of_clients_and_operations_is_what_was_done(sdk_runs: Runs) -> None:
    done: dict[str, frozenset[str]] = {}
    for variant in VARIANTS:
        run = sdk_runs.of(variant)
        if run.missing:
            pytest.skip(run.missing)
        done[variant.suite] = done.get(variant.suite, frozenset()) | run.operations
    assert done.keys() == CLIENTS.keys()
    if os.environ.get("OSSIA_WRITE_DOCS"):
        PAGE.write_text(page(done))
    assert PAGE.read_text() == page(done)
