"""What comes through a pipe, kept in a file: only a file can be read again, resumed and recognised."""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import BinaryIO

CHUNK = 1 << 20


def spool(stream: BinaryIO, folder: Path, suffix: str) -> Path:
    """Write a stream into a file that is named by its content; one that is there already stays as it is.

    Args:
        stream: is read to its end, a piece at a time.
        folder: gets the file.
        suffix: of the file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".stdin-")
    temporary = Path(name)
    digest = hashlib.sha256()
    try:
        with os.fdopen(handle, "wb") as file:
            while chunk := stream.read(CHUNK):
                file.write(chunk)
                digest.update(chunk)
        path = folder / f"stdin-{digest.hexdigest()[:16]}{suffix}"
        if not path.exists():
            temporary.replace(path)
        return path
    finally:
        temporary.unlink(missing_ok=True)
