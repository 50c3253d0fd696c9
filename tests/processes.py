"""Processes of this machine, as Linux tells of them."""

from pathlib import Path


def children_of(pid: int) -> list[int]:
    """Those that a process has begun and that are there."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it has not ended."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        # Gone before it was opened, or since.
        return False
