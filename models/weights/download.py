"""Downloads files whole or not at all; an interrupted download is kept and continued later.

`models.weights.zoo` and `models.data.fetching` import this; nothing else in the package downloads anything.
"""

import gzip
import hashlib
import re
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from minigrad.errors import DataError, MissingFileError, UsageError
from minigrad.files import put
from models.folders import alone, naming

Progress = Callable[[int, int | None], None]
"""Called with the bytes received and the total, if the server states it."""

_BLOCK = 2**16
_SECONDS = 30.0
"""The seconds without a byte after which a server counts as gone."""
_RETRIED = (408, 429, 500, 502, 503, 504)
"""The status codes of servers that may succeed soon."""


@dataclass(frozen=True)
class Remote:
    """A file at an address: its name here, the first digits of its checksum, and the kind of checksum (`of`)."""

    address: str
    name: str
    checksum: str = ""
    of: str = "SHA-256"
    """The kind of checksum: a name in `CHECKSUMS`."""


class Interrupted(Exception):
    """A download broke off but may be continued."""


def fetch(
    remote: Remote, folder: Path, progress: Progress | None = None, attempts: int = 4, pause: float = 1.0
) -> Path:
    """The path of the file in the folder, downloaded if it is not there.

    A download that broke off, now or in an earlier call, continues where it stopped if the server supports that. There
    are at most `attempts`; the first waits `pause` seconds for the second, and each wait is twice as long as the one
    before. Raises MissingFileError if the file cannot be downloaded, and DataError if it has the wrong checksum, in
    which case nothing is kept.
    """
    if not remote.address.startswith(("https://", "http://")):
        raise UsageError(f"{remote.address!r} is no address of a web server: it should begin with https://")
    path = folder / remote.name
    if path.is_file() and checksum(path, remote.of).startswith(remote.checksum):
        return path
    folder.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.touch()
    with alone(part):
        try:
            download_all(remote, part, progress, attempts, pause)
            refuse_other(remote, part)
            put(part, path)
        finally:
            if not size(part):
                part.unlink(missing_ok=True)
    return path


def download_all(remote: Remote, part: Path, progress: Progress | None, attempts: int, pause: float) -> None:
    """Appends what is missing of the file, in at most `attempts` attempts."""
    for attempt in range(attempts):
        try:
            download(remote.address, part, progress)
            return
        except Interrupted as error:
            if attempt == attempts - 1:
                raise MissingFileError(
                    f"{remote.address} could not be fetched ({error}): the {size(part):,} bytes that came are kept, "
                    "and fetching again goes on from there"
                ) from None
            time.sleep(pause * 2**attempt)


def download(address: str, part: Path, progress: Progress | None) -> None:
    """Appends what is missing of the file at an address. Raises Interrupted if not everything arrives."""
    with answer(address, size(part)) as response:
        if response.status == 416:  # nothing is to come
            return
        have = size(part) if response.status == 206 else 0  # 200: the server begins anew, whatever was asked for
        whole = whole_size(response, have)
        with naming(part), part.open("r+b" if have else "wb") as file:
            file.seek(have)
            for block in blocks(response):
                file.write(block)
                have += len(block)
                if progress:
                    progress(have, whole)
    if whole is not None and have < whole:
        raise Interrupted(f"{have:,} of {whole:,} bytes came")


def answer(address: str, have: int) -> Any:
    """The server's response (200, 206 or 416) to a request for the bytes after the first `have`."""
    request = Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        return urlopen(request, timeout=_SECONDS)
    except HTTPError as error:
        if error.code == 416 and have:
            return error
        error.close()
        if error.code in _RETRIED:
            raise Interrupted(f"the server answers {error.code} {error.reason}") from None
        raise MissingFileError(f"{address} could not be fetched: the server answers {error.code}") from None
    except (OSError, HTTPException) as error:
        raise Interrupted(str(error) or type(error).__name__) from None


def whole_size(response: Any, have: int) -> int | None:
    """The size of the whole file, or None if the server does not say.

    Raises Interrupted if it sends other bytes than were asked for.
    """
    if response.status == 206:
        span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
        if span is None or int(span[1]) != have:
            raise Interrupted("the server sends other bytes than those asked for")
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdigit() else None


def blocks(response: Any) -> Iterator[bytes]:
    """The content, a block at a time. Raises Interrupted if the connection breaks."""
    try:
        while block := response.read(_BLOCK):
            yield block
    except (OSError, HTTPException) as error:
        raise Interrupted(str(error) or type(error).__name__) from None


def refuse_other(remote: Remote, part: Path) -> None:
    """Deletes a download with the wrong checksum and raises DataError."""
    found = checksum(part, remote.of)
    if not found.startswith(remote.checksum):
        part.unlink()
        raise DataError(
            f"what came from {remote.address} has the {remote.of} {found}, and should have one that begins with "
            f"{remote.checksum}: it is not kept; fetch again, or from another address"
        )


def checksum(path: Path, of: str) -> str:
    """The checksum of a file, computed in one of the ways in `CHECKSUMS`."""
    return CHECKSUMS[of](path)


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The SHA-256 of a file, or its digest by another of hashlib's algorithms."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def digest_unzipped(path: Path) -> str:
    """The SHA-256 of a gzip file's content; "none" if the file is damaged."""
    try:
        with gzip.open(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (gzip.BadGzipFile, EOFError, zlib.error):
        return "none"


CHECKSUMS: dict[str, Callable[[Path], str]] = {
    "SHA-256": digest,
    "MD5": lambda path: digest(path, "md5"),
    "SHA-256 unzipped": digest_unzipped,
}
"""The ways to compute a checksum. Of some files only the content is fixed, not how it was compressed."""


def size(path: Path) -> int:
    """The size of a file in bytes; 0 if it does not exist."""
    return path.stat().st_size if path.exists() else 0
