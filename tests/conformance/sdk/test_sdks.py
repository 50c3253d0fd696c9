"""The official SDKs of every language against a real server.  Each case is one line of a suite."""

from typing import Any

import pytest
from sdk_matrix import CASES, VARIANTS, Variant, lacks
from sdk_world import Runs


def _every_case() -> list[Any]:
    return [
        pytest.param(
            variant,
            case,
            id=f"{variant.id}-{case}",
            marks=[pytest.mark.slow, *(pytest.mark.covers(each) for each in operations)],
        )
        for variant in VARIANTS
        for case, operations in CASES.items()
        if lacks(variant, case) is None
    ]


@pytest.mark.parametrize(("variant", "case"), _every_case())
def test_sdk(sdk_runs: Runs, variant: Variant, case: str) -> None:
    run = sdk_runs.of(variant)
    if run.missing:
        pytest.skip(run.missing)
    result = run.results.get(case)
    if result is None:
        pytest.fail(f"{variant.id} did not report {case}: {run.trouble}", pytrace=False)
    if not result["ok"]:
        pytest.fail(f"{variant.id}: {case}: {result['detail']}", pytrace=False)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.id)
def test_everything_reported_is_asserted(sdk_runs: Runs, variant: Variant) -> None:
    reported = set(sdk_runs.of(variant).results)
    asserted = {case for case in CASES if lacks(variant, case) is None}
    assert reported <= asserted
