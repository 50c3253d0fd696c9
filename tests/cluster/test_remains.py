"""After all the faults: what is stored is what rows name.  Runs behind `test_faults`."""

import pytest
import remains

from cluster.whole import Cluster

pytestmark = pytest.mark.slow


def test_nothing_dangles_and_nothing_leaks(whole: Cluster) -> None:
    whole.mend()
    remains.collect(whole)
    assert remains.faults(whole) == []
