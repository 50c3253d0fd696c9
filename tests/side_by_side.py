"""Which tests stay in one process, where several run them side by side (``pytest -n``).

A file does: what its fixtures start is started once.  And so do all that drive the tools of other
languages, of whose caches some (Maven's) bear one writer at a time, and the pages, whose commands
listen where their readers' do.
"""

from pathlib import PurePosixPath
from typing import Any, Final

from xdist.scheduler import LoadScopeScheduling

TOGETHER: Final = {
    "tests/conformance/sdk": "languages",
    "tests/journeys/test_app_server_examples.py": "languages",
    "tests/journeys/test_receivers.py": "languages",
    "tests/journeys/test_testing_starters.py": "languages",
    "tests/pages": "languages",
}


class FilesSideBySide(LoadScopeScheduling):
    """Gives each process a file at a time, in the order in which they are collected."""

    def __init__(self, config: Any, log: Any) -> None:
        # What takes longest comes first, and small things last: as folders are named.
        config.option.loadscopereorder = False
        super().__init__(config, log)

    def _split_scope(self, nodeid: str) -> str:
        """See `LoadScopeScheduling`."""
        file = PurePosixPath(nodeid.partition("::")[0])
        found = (TOGETHER.get(str(place)) for place in (file, *file.parents))
        return next((each for each in found if each), str(file))
