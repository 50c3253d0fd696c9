"""Bytes in memory as a source (`ingest.ByteSource`)."""


class Held:
    """Bytes in memory as a source."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.length: int | None = len(content)

    async def read_all(self, limit: int, too_large: object) -> bytes:
        """Everything."""
        del limit, too_large
        return self._content

    async def read_into(self, view: memoryview) -> int:
        """Fill *view*; shorter only at the end."""
        piece, self._content = self._content[: len(view)], self._content[len(view) :]
        view[: len(piece)] = piece
        return len(piece)
