"""Lines of a file, plain, gzip or zstd, with every line bounded."""

import gzip
import io
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final, cast

import zstandard

from cellwave.domain.errors import DocumentError, Problem

MAX_LINE: Final = 64 * 1024
_BOM: Final = b"\xef\xbb\xbf"


class Lines:
    """Iterates over (line number from 1, line without its end).

    A line longer than 64 KiB is given as its first 64 KiB and one byte, so that whoever parses it can refuse it;
    what follows of it is skipped. A damaged archive ends the iteration early and is told by `damage`.
    """

    def __init__(self, path: Path):
        self.path = path
        self.damage = ""
        self._size = 0
        self._read = 0

    @property
    def fraction(self) -> float:
        """How much of the file has been read, 0 to 1."""
        return self._read / self._size if self._size else 1.0

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        try:
            raw = self.path.open("rb")
        except OSError as error:
            problem = Problem(str(self.path), "", f"cannot be read: {error.strerror}", "name a readable file")
            raise DocumentError([problem]) from None
        with raw, _unpacked(raw, self.path.suffix) as file:
            self._size = self.path.stat().st_size
            number = 0
            try:
                while line := file.readline(MAX_LINE + 1):
                    number += 1
                    if len(line) > MAX_LINE and not line.endswith(b"\n"):
                        _skip(file)
                    if number % 1_000 == 0:
                        self._read = raw.tell()
                    yield number, (line.removeprefix(_BOM) if number == 1 else line).rstrip(b"\r\n")
            except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
                self.damage = str(error)
            self._read = self._size


def _unpacked(raw: IO[bytes], suffix: str) -> IO[bytes]:
    if suffix == ".gz":
        return cast("IO[bytes]", gzip.GzipFile(fileobj=raw))
    if suffix == ".zst":
        reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(cast("io.RawIOBase", reader), 256 * 1024)
    return raw


def _skip(file: IO[bytes]) -> None:
    while (rest := file.readline(MAX_LINE)) and not rest.endswith(b"\n"):
        pass
