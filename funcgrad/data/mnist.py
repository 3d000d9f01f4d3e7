"""The MNIST handwritten digits: reading the four files from a folder, and fetching those that it lacks.

Source of the data: Y. LeCun, C. Cortes and C. J. C. Burges, "The MNIST database of handwritten digits",
http://yann.lecun.com/exdb/mnist/.
"""

import hashlib
import os
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..atomic import atomic_write
from ..errors import DataError
from .idx import read_idx

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

# The published name of each file, without ".gz", and the SHA-256 of the gzipped file.
DIGESTS = {
    "train-images-idx3-ubyte": "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    "train-labels-idx1-ubyte": "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    "t10k-images-idx3-ubyte": "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    "t10k-labels-idx1-ubyte": "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
}

TIMEOUT_SECONDS = 30
# The largest of the four is 10 MB; a mirror that answers with more than this is not sending MNIST.
MAX_DOWNLOAD_BYTES = 1 << 26

UInt8Array = npt.NDArray[np.uint8]


def mnist(
    root: str | os.PathLike[str],
    *,
    download: bool = True,
    mirrors: Sequence[str] = MIRRORS,
    digests: Mapping[str, str] = DIGESTS,
) -> tuple[UInt8Array, UInt8Array, UInt8Array, UInt8Array]:
    """Read the MNIST digits from a folder, first downloading the files that it lacks.

    Each file may be plain or gzipped, and spelled `train-images-idx3-ubyte` or `train-images.idx3-ubyte`,
    with or without `.gz`. Digests are checked on what is downloaded, not on what was there before, so any
    folder of four such files can be read: a subset of MNIST, or a set made in its image.

    Args:
        root: the folder of the four files; made if files have to be downloaded and it does not exist.
        download: whether to fetch missing files.
        mirrors: addresses of folders to fetch them from, tried in order.
        digests: the expected SHA-256 (hexadecimal) of each gzipped file, by its standard name without `.gz`.

    Returns:
        `(train_images, train_labels, test_images, test_labels)`, all read-only uint8: images of shape
        (N, 28, 28), 0 (background) to 255 (ink), and labels of shape (N,), 0 to 9.

    Raises:
        DataError: files are missing and were not or could not be fetched, or a file is not what it should be.
        OSError: the folder cannot be read or written.

    Examples:
        >>> import tempfile
        >>> from funcgrad.data.idx import write_idx
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for part in ("train", "t10k"):
        ...         write_idx(f"{folder}/{part}-images-idx3-ubyte.gz", np.zeros((2, 28, 28), np.uint8))
        ...         write_idx(f"{folder}/{part}-labels-idx1-ubyte.gz", np.zeros(2, np.uint8))
        ...     [array.shape for array in mnist(folder, download=False)]
        [(2, 28, 28), (2,), (2, 28, 28), (2,)]

    Source: http://yann.lecun.com/exdb/mnist/
    """
    folder = Path(root)
    missing = [name for name in DIGESTS if _find(folder, name) is None]
    if missing and not download:
        raise DataError(f"{folder} lacks {_listed(missing)} (plain or with .gz); put them there, or pass download=True")
    if missing:
        _download(folder, missing, mirrors, digests)
    train_images, train_labels = _read_pair(folder, "train-images-idx3-ubyte", "train-labels-idx1-ubyte")
    test_images, test_labels = _read_pair(folder, "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    return train_images, train_labels, test_images, test_labels


def _find(folder: Path, name: str) -> Path | None:
    dotted = name.replace("-idx", ".idx")
    spellings = (name, f"{name}.gz", dotted, f"{dotted}.gz")
    return next((path for path in map(folder.joinpath, spellings) if path.is_file()), None)


def _read_pair(folder: Path, images_name: str, labels_name: str) -> tuple[UInt8Array, UInt8Array]:
    images_path, images = _read_part(folder, images_name)
    labels_path, labels = _read_part(folder, labels_name)
    _check(images_path, images.dtype == np.uint8, "uint8 images", images.dtype)
    _check(images_path, images.shape[1:] == (28, 28), "images of shape (N, 28, 28)", images.shape)
    _check(labels_path, labels.dtype == np.uint8, "uint8 labels", labels.dtype)
    _check(labels_path, labels.ndim == 1, "labels of shape (N,)", labels.shape)
    wanted = f"{len(images)} labels, one for each image of {images_path.name}"
    _check(labels_path, len(labels) == len(images), wanted, len(labels))
    _check(labels_path, not bool(np.any(labels > 9)), "labels in 0..9", labels.max(initial=0))
    return images, labels


def _read_part(folder: Path, name: str) -> tuple[Path, npt.NDArray[Any]]:
    path = _find(folder, name)
    if path is None:
        raise DataError(f"{folder} lacks {name}, which was there a moment ago")
    return path, read_idx(path)


def _check(path: Path, holds: bool, expected: str, found: object) -> None:
    if not holds:
        raise DataError(f"{path}: expected {expected}, found {found}")


def _download(folder: Path, missing: Sequence[str], mirrors: Sequence[str], digests: Mapping[str, str]) -> None:
    for position, name in enumerate(missing):
        try:
            content = _fetch_from_any(f"{name}.gz", mirrors, digests[name])
        except DataError as error:
            raise DataError(
                f"{folder} lacks {_listed(missing[position:])}; {error.message}\n"
                "check the network, pass other mirrors, or put the files there by hand"
            ) from error
        # Only bytes with the right digest reach the folder, and only as a whole file; a mistyped name makes none.
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_write(folder / f"{name}.gz") as file:
            file.write(content)


def _fetch_from_any(file_name: str, mirrors: Sequence[str], digest: str) -> bytes:
    failures = []
    for mirror in mirrors:
        url = f"{mirror.rstrip('/')}/{file_name}"
        try:
            content = _fetch(url)
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"  {url}: {str(error) or type(error).__name__}")
            continue
        found = hashlib.sha256(content).hexdigest()
        if found == digest.lower():
            return content
        failures.append(f"  {url}: expected SHA-256 {digest}, found {found} ({len(content)} bytes)")
    raise DataError(f"no mirror sent {file_name}:\n" + ("\n".join(failures) or "  there are no mirrors to ask"))


def _fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=TIMEOUT_SECONDS) as response:
        content: bytes = response.read(MAX_DOWNLOAD_BYTES + 1)
    if len(content) > MAX_DOWNLOAD_BYTES:
        raise ValueError(f"expected at most {MAX_DOWNLOAD_BYTES} bytes, found more")
    return content


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)
