"""Puts the pages into sdist and wheel: they are built by Vite, not committed, so git ignores them.

Without them there is neither: whoever installs one has no Node to make them with.
"""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PAGES = ("appserver/static", "gateway/static")


class PagesHook(BuildHookInterface):
    """Called by hatchling."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Name them among what has to be in it."""
        if version == "editable":
            return
        into = "src/ossia" if self.target_name == "sdist" else "ossia"
        for each in PAGES:
            place = Path(self.root) / "src" / "ossia" / each
            if not (place / "index.html").exists():
                raise SystemExit(f"{place} is missing: make web")
            build_data["force_include"][str(place)] = f"{into}/{each}"
