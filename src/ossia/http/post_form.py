"""A PostObject body: the fields in front of the file, then the file as a stream."""

from collections import deque
from collections.abc import Callable

from ossia.errors import IncorrectNumberOfFilesInPOSTRequest, MalformedPOSTRequest, OssError
from ossia.http.body import Body
from ossia.http.form import FormReader


class PostForm:
    """Reads a form from a body; the file part is a source of bytes of unknown length."""

    length: int | None = None

    def __init__(self, body: Body, content_type: bytes) -> None:
        self._body = body
        self._reader = FormReader(content_type)
        self._pieces: deque[memoryview] = deque()
        self.content_type = ""
        """The type that the object gets, once the form's policy has been asked about it."""

    @property
    def fields(self) -> dict[str, str]:
        """The fields in front of the file, by lower-case name."""
        return self._reader.fields

    @property
    def variables(self) -> dict[str, str]:
        """The ``x:`` fields, by lower-case name: those that the policy is asked about."""
        return {name: text for name, text in self.fields.items() if name.startswith("x:")}

    @property
    def filename(self) -> str | None:
        """What the browser calls the file."""
        return self._reader.filename

    @property
    def file_content_type(self) -> str | None:
        """The Content-Type of the file part."""
        return self._reader.file_content_type

    def close(self) -> None:
        """End: nothing more is read."""
        self._reader.close()

    async def read_fields(self) -> None:
        """Read up to the file.  Raises the form's refusals."""
        while not self._reader.file_started:
            if self._reader.finished:
                raise IncorrectNumberOfFilesInPOSTRequest
            await self._feed()

    async def read_into(self, view: memoryview) -> int:
        """Fill *view* with bytes of the file; shorter only at its end.

        The rest of the form is read before the end is told, so that a form that is cut off is
        refused before anything becomes visible.
        """
        filled = 0
        while filled < len(view):
            if not self._pieces:
                self._pieces.extend(self._reader.take_pieces())
            if self._pieces:
                filled += self._move(view[filled:])
            elif self._reader.file_finished:
                await self._finish()
                break
            else:
                await self._feed()
        return filled

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        """The whole file, if it has at most *limit* bytes."""
        buffer = bytearray(limit + 1)
        count = await self.read_into(memoryview(buffer))
        if count > limit:
            raise too_large()
        return bytes(buffer[:count])

    def _move(self, view: memoryview) -> int:
        piece = self._pieces.popleft()
        count = min(len(piece), len(view))
        view[:count] = piece[:count]
        if count < len(piece):
            self._pieces.appendleft(piece[count:])
        return count

    async def _feed(self) -> None:
        some = await self._body.read_some()
        if not some:
            self._reader.finish()
            raise MalformedPOSTRequest
        self._reader.feed(some)

    async def _finish(self) -> None:
        while not self._reader.finished:
            await self._feed()
        self._reader.finish()
