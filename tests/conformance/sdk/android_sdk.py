"""The Android SDK, its classes run by the JVM.

The AAR of the SDK holds plain Java over okhttp; the few classes of Android that it touches are stubs
beside the suite, and JSON and XML parsers are those that Android has.  What an app would write is compiled
against Android's own classes, which say what there is and do nothing.
"""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from zipfile import ZipFile

from sdk_toolchains import CACHE, HERE, BuildFailed, _build_once, _run, _tool

SUITE: Final = "android"
_HOME: Final = CACHE / SUITE
_LIBRARIES: Final = _HOME / "libraries"
_QUICK: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True, slots=True)
class AndroidSdk:
    """What was built: the SDK with what it needs, and the suite."""

    java: str
    javac: str

    def run(
        self, main: str, *arguments: str, hosts: Path, classes: Path | None = None
    ) -> list[str]:
        """The command that runs a class, or a file with one, which finds *classes* too.

        *hosts* maps names to addresses.
        """
        found = f"{_HOME / 'classes'}:{_LIBRARIES / 'compile'}/*" + (
            f":{classes}" if classes else ""
        )
        resolver = f"-Djdk.net.hosts.file={hosts}"
        return [self.java, resolver, *_QUICK, "-cp", found, main, *arguments]

    def compile_app(self, sources: Iterable[Path], classes: Path) -> None:
        """Compile what is in an app.  Raises `BuildFailed`."""
        found = f"{_LIBRARIES / 'provided'}/*:{_LIBRARIES / 'compile'}/*"
        self._compile(sources, classes, found)

    def _compile(self, sources: Iterable[Path], classes: Path, found: str) -> None:
        files = sorted(str(path) for path in sources)
        options = ["--release", "17", "-nowarn", "-d", str(classes), "-cp", found]
        _run([self.javac, *options, *files], HERE)


def android_sdk() -> AndroidSdk:
    """Build it where needed.  Raises `Missing`, `BuildFailed`."""
    java, javac, maven = (_tool(name, SUITE) for name in ("java", "javac", "mvn"))
    sdk = AndroidSdk(java, javac)

    def build() -> None:
        shutil.copytree(HERE / SUITE, _HOME, dirs_exist_ok=True)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={_LIBRARIES}"]
        goal += ["-DincludeScope=compile", "-Dmdep.useSubDirectoryPerScope=true"]
        try:
            _run([maven, "-q", "-B", "-o", *goal], _HOME)
        except BuildFailed:
            _run([maven, "-q", "-B", *goal], _HOME)
        (archive,) = (_LIBRARIES / "compile").glob("*.aar")
        with ZipFile(archive) as opened:
            opened.extract("classes.jar", _LIBRARIES / "compile")
        sources = (HERE / SUITE).rglob("*.java")
        sdk._compile(sources, _HOME / "classes", f"{_LIBRARIES / 'compile'}/*")

    _build_once(SUITE, [HERE / SUITE], build)
    return sdk
