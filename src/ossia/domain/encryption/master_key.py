"""What became of sealing everything under another master key."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rotated:
    """So many keys are sealed under it, and so many could not be opened; ``next`` is left to do."""

    keys: int
    lost: int
    file: str
    next: str
