"""The system's commands, whose words matter only where they fail."""

import subprocess

from cluster.errors import ClusterError


def run(*command: str) -> "subprocess.CompletedProcess[str]":
    """What it did and said, whatever that is."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def works(*command: str) -> bool:
    """Whether it did what it should."""
    return run(*command).returncode == 0


def must(*command: str) -> None:
    """Run it.  Raises `ClusterError` if it fails."""
    done = run(*command)
    if done.returncode:
        raise ClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
