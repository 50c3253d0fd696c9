"""The command line that all kinds of packages have in common."""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path

import release


def build(description: str | None, make: Callable[[Path, Path], Path]) -> None:
    """Let *make* build from the wheel of the last commit into a folder, and tell the digest."""
    options = release.options(argparse.ArgumentParser(description=description))
    with tempfile.TemporaryDirectory() as name:
        release.copy_source(Path(name) / "source")
        built = release.build(Path(name) / "source", Path(name) / "dist")
        package = make(release.wheel_of(built), options.to)
    release.tell((package,), options.to)
