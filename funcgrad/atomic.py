"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

__all__ = ["atomic_write"]


@contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of `path` only once it has been written whole.

    The bytes go to a temporary file in the same folder (a rename across file systems would not be atomic). If
    the block raises, the temporary file is removed and whatever `path` held stays as it was.

    Args:
        path: the file to create or replace.

    Yields:
        The temporary file, open for writing bytes.

    Raises:
        OSError: the folder cannot be written to.
    """
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(8)}.tmp")
    try:
        with open(temporary, "xb") as file:
            yield file
            file.flush()
            # Without this a power cut after the rename could leave the new name on an empty file.
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
