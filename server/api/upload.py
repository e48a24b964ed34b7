"""The body of a request that is a file: described in the document, handed on piece by piece."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

from aiohttp import web

from server.api.errors import TooLarge, UnsupportedMediaType

_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Upload:
    """What an operation takes as its body instead of JSON."""

    types: tuple[str, ...]
    """Media types; one that ends with `/*` stands for all of its kind."""
    most_bytes: int

    def takes(self, media_type: str) -> bool:
        kind = media_type.partition("/")[0]
        return media_type in self.types or f"{kind}/*" in self.types


class UploadedFile:
    """A file on its way in."""

    def __init__(self, upload: Upload, request: web.Request) -> None:
        """Raises UnsupportedMediaType, or TooLarge where the sender says so beforehand."""
        if not upload.takes(request.content_type):
            allowed = ", ".join(upload.types)
            raise UnsupportedMediaType(f"Send the file itself as the body, as one of: {allowed}.")
        self._most = upload.most_bytes
        self._request = request
        if (request.content_length or 0) > self._most:
            raise self._too_large()

    async def pieces(self) -> AsyncIterator[bytes]:
        """The file, never held as a whole. Raises TooLarge in the middle of it."""
        size = 0
        async for piece in self._request.content.iter_chunked(_PIECE):
            size += len(piece)
            if size > self._most:
                raise self._too_large()
            yield piece

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The file may have at most {self._most // 1_000_000} MB.")
