"""MNIST folders and downloads, minibatches, transforms and the shipped digits."""

import gzip
import hashlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from funcgrad import random
from funcgrad.data import batches, compose, mnist, normalize, to_float, write_idx
from funcgrad.data.mnist import DIGESTS, MIRRORS
from funcgrad.errors import DataError, DtypeError, ShapeError, TreeError

SHIPPED = Path(__file__).parents[1] / "examples" / "data"
# SHA-256 of the decompressed files, as in examples/data/NOTICE.md.
SHIPPED_DIGESTS = {
    "train-images-idx3-ubyte": "f7fc79d1910d94e370217945ff37b1984980f0418e427c2a5f9f929e0705c977",
    "train-labels-idx1-ubyte": "9e9ecb8ff4ddc76244e95bddc2a2ac9136832e8cf72e2fc9ea18ace9c3d5c7fd",
    "t10k-images-idx3-ubyte": "3d67e721e2fd0756bdb95e9f901680152366b540207da5decec4d7d58e5374d8",
    "t10k-labels-idx1-ubyte": "2eaaa0b55710f71a002bcdc9d8ea5db217121f1d688c0beb8dfd65c5bcaa0bcc",
}


# MNIST folders


def write_set(folder: Path, suffix: str = ".gz", dotted: bool = False, **replaced: np.ndarray) -> None:
    """A tiny set of 3 training and 2 test digits; `replaced` has other arrays, such as train_labels."""
    for part, count in (("train", 3), ("t10k", 2)):
        images = np.full((count, 28, 28), count, np.uint8)
        labels = np.arange(count, dtype=np.uint8) + 7
        separator = "." if dotted else "-"
        images_name, labels_name = (
            f"{part}-images{separator}idx3-ubyte",
            f"{part}-labels{separator}idx1-ubyte",
        )
        write_idx(folder / f"{images_name}{suffix}", replaced.get(f"{part}_images", images))
        write_idx(folder / f"{labels_name}{suffix}", replaced.get(f"{part}_labels", labels))


def assert_is_the_tiny_set(arrays: tuple[np.ndarray, ...]) -> None:
    train_images, train_labels, test_images, test_labels = arrays
    np.testing.assert_array_equal(train_images, np.full((3, 28, 28), 3))
    np.testing.assert_array_equal(train_labels, [7, 8, 9])
    np.testing.assert_array_equal(test_images, np.full((2, 28, 28), 2))
    np.testing.assert_array_equal(test_labels, [7, 8])
    assert all(array.dtype == np.uint8 and not array.flags.writeable for array in arrays)


@pytest.mark.parametrize("dotted", [False, True])
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_mnist_reads_every_spelling(tmp_path: Path, suffix: str, dotted: bool) -> None:
    write_set(tmp_path, suffix, dotted)
    assert_is_the_tiny_set(mnist(tmp_path, download=False))
    assert_is_the_tiny_set(mnist(str(tmp_path), mirrors=[]))  # nothing is missing, so no mirror is asked


MISFITS = {
    "counts": (
        {"train_labels": np.zeros(4, np.uint8)},
        "expected 3 labels, one for each image of train-images",
    ),
    "label 10": ({"t10k_labels": np.array([0, 10], np.uint8)}, "expected labels in 0..9, found 10"),
    "2-d images": ({"train_images": np.zeros((3, 784), np.uint8)}, "shape (N, 28, 28), found (3, 784)"),
    "small images": (
        {"train_images": np.zeros((3, 27, 28), np.uint8)},
        "shape (N, 28, 28), found (3, 27, 28)",
    ),
    "float images": (
        {"train_images": np.zeros((3, 28, 28), np.float32)},
        "expected uint8 images, found float32",
    ),
    "2-d labels": (
        {"t10k_labels": np.zeros((2, 1), np.uint8)},
        "expected labels of shape (N,), found (2, 1)",
    ),
    "int labels": ({"t10k_labels": np.zeros(2, np.int32)}, "expected uint8 labels, found int32"),
}


@pytest.mark.parametrize(("replaced", "message"), MISFITS.values(), ids=MISFITS)
def test_mnist_refuses_files_that_do_not_fit(tmp_path: Path, replaced: dict, message: str) -> None:
    write_set(tmp_path, **replaced)
    with pytest.raises(DataError, match=re.escape(message)) as caught:
        mnist(tmp_path, download=False)
    assert str(tmp_path / next(iter(replaced)).replace("_", "-")) in str(caught.value)


def test_mnist_lists_what_is_missing(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "t10k-labels-idx1-ubyte.gz").unlink()
    (tmp_path / "train-images-idx3-ubyte.gz").unlink()
    lacking = "lacks train-images-idx3-ubyte, t10k-labels-idx1-ubyte (plain or with .gz); put them there, or pass"
    with pytest.raises(DataError, match=re.escape(f"{tmp_path} {lacking} download=True")):
        mnist(tmp_path, download=False)


# Downloads, from a server on this machine


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Path]]:
    """The address and the folder of a mirror that serves the tiny set."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")  # a proxy of the machine's would not find this server
    folder = tmp_path / "mirror"
    folder.mkdir()
    write_set(folder)
    handler = partial(QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()
        thread.join()


def digests_of(folder: Path) -> dict[str, str]:
    """What the mirror has, and MNIST's digests for what it lacks."""
    found = {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    return {**DIGESTS, **found}


def dead_mirror() -> str:
    """An address where nothing listens: the port was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_download_fetches_all_four_then_none(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, folder = mirror
    root = tmp_path / "new" / "root"
    assert_is_the_tiny_set(mnist(root, mirrors=[address], digests=digests_of(folder)))
    assert sorted(path.name for path in root.iterdir()) == sorted(f"{name}.gz" for name in DIGESTS)
    assert_is_the_tiny_set(mnist(root, mirrors=[dead_mirror()], digests=digests_of(folder)))


def test_download_fetches_only_what_is_missing(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, folder = mirror
    write_set(tmp_path, suffix="")
    (tmp_path / "t10k-images-idx3-ubyte").unlink()
    before = set(tmp_path.iterdir())
    assert_is_the_tiny_set(mnist(tmp_path, mirrors=[address], digests=digests_of(folder)))
    assert set(tmp_path.iterdir()) - before == {tmp_path / "t10k-images-idx3-ubyte.gz"}


def test_download_falls_back_on_the_next_mirror(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, folder = mirror
    mirrors = [dead_mirror(), f"{address}no-such-folder", address.rstrip("/")]
    assert_is_the_tiny_set(mnist(tmp_path / "root", mirrors=mirrors, digests=digests_of(folder)))


def test_download_refuses_a_wrong_digest(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, folder = mirror
    with pytest.raises(DataError) as caught:
        mnist(tmp_path / "root", mirrors=[address])  # the tiny set has not the digests of MNIST
    message = str(caught.value)
    name = "train-images-idx3-ubyte"
    size = (folder / f"{name}.gz").stat().st_size
    found = digests_of(folder)[name]
    assert f"{address}{name}.gz: expected SHA-256 {DIGESTS[name]}, found {found} ({size} bytes)" in message
    assert not (tmp_path / "root").exists()


def test_download_lists_the_error_of_each_mirror(tmp_path: Path, mirror: tuple[str, Path]) -> None:
    address, folder = mirror
    dead = dead_mirror()
    (folder / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError) as caught:
        mnist(tmp_path / "root", mirrors=[dead, address, "not-an-address"], digests=digests_of(folder))
    message = str(caught.value)
    assert "root lacks train-labels-idx1-ubyte, t10k-images-idx3-ubyte, t10k-labels-idx1-ubyte; no mirror" in message
    assert re.search(f"{dead}/train-labels-idx1-ubyte.gz: .*refused", message)
    assert f"{address}train-labels-idx1-ubyte.gz: HTTP Error 404" in message
    assert "not-an-address/train-labels-idx1-ubyte.gz: unknown url type" in message
    assert "check the network, pass other mirrors, or put the files there by hand" in message
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["train-images-idx3-ubyte.gz"]


def test_download_is_from_the_published_mirrors_by_default() -> None:
    assert MIRRORS == (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    assert len(DIGESTS) == 4
    assert all(re.fullmatch("[0-9a-f]{64}", digest) for digest in DIGESTS.values())


# Minibatches


@settings(deadline=None, max_examples=100)
@given(rows=st.integers(0, 40), batch_size=st.integers(1, 15), shuffled=st.booleans(), drop_last=st.booleans())
def test_batches_cover_every_row_once(rows: int, batch_size: int, shuffled: bool, drop_last: bool) -> None:
    arrays = {"x": np.arange(rows * 6).reshape(rows, 2, 3), "y": (np.arange(rows),)}
    loader = batches(arrays, batch_size, key=random.key(3) if shuffled else None, drop_last=drop_last)
    found = list(loader)
    full, left = divmod(rows, batch_size)
    sizes = [batch_size] * full + [left] * (left > 0 and not drop_last)
    assert len(loader) == len(sizes)
    assert [len(batch["x"]) for batch in found] == sizes
    seen = [row for batch in found for row in batch["y"][0].tolist()]
    assert len(set(seen)) == sum(sizes)
    assert set(seen) <= set(range(rows))
    assert shuffled or seen == list(range(sum(sizes)))
    for batch in found:  # the leaves are cut alike
        np.testing.assert_array_equal(batch["x"], arrays["x"][batch["y"][0]])


def test_batches_are_shuffled_by_the_key_alone() -> None:
    def order(seed: int) -> list[int]:
        return np.concatenate(list(batches(np.arange(100), 7, key=random.key(seed)))).tolist()

    assert order(0) == order(0)
    assert order(0) != order(1)
    assert order(0) != list(range(100))


def test_batches_can_be_iterated_over_again() -> None:
    loader = batches(np.arange(10), 4, key=random.key(0))
    first, second = [[batch.tolist() for batch in loader] for _ in range(2)]
    assert first == second
    assert len(first) == len(loader) == 3


def test_batches_in_order_are_views() -> None:
    array = np.arange(6)
    assert all(np.shares_memory(batch, array) for batch in batches(array, 2))


def test_batches_refuse_what_cannot_be_cut() -> None:
    uneven = {"x": np.zeros((5, 2)), "y": [np.zeros(5), np.zeros((4, 3))]}
    message = "arrays['x'] has shape (5, 2), arrays['y'][1] has shape (4, 3)"
    with pytest.raises(ShapeError, match=re.escape(message)):
        batches(uneven, 2)
    with pytest.raises(ShapeError, match=re.escape("arrays[1] is 0-d")):
        batches((np.zeros(3), np.float32(1)), 2)
    with pytest.raises(TreeError, match=r"a pytree without leaves: \{\}"):
        batches({}, 2)


@pytest.mark.parametrize("batch_size", [2.0, "2", None, True, np.ones(1)])
def test_batch_size_must_be_an_integer(batch_size: object) -> None:
    with pytest.raises(DtypeError, match="batch_size must be an integer, got"):
        batches(np.zeros(3), batch_size)


@pytest.mark.parametrize("batch_size", [0, -1, np.int64(0)])
def test_batch_size_must_be_positive(batch_size: int) -> None:
    with pytest.raises(ValueError, match=f"batch_size must be at least 1, got {batch_size}"):
        batches(np.zeros(3), batch_size)


# Transforms


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_float_scales_every_pixel_value(dtype: type) -> None:
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    found = to_float(pixels, dtype)
    assert found.dtype == dtype
    assert found.shape == (1, 16, 16, 1)
    exact = np.arange(256) / 255  # float64
    np.testing.assert_allclose(found.ravel(), exact, rtol=float(np.finfo(dtype).eps), atol=0)
    assert found.ravel()[0] == 0
    assert found.ravel()[-1] == 1
    assert to_float(pixels).dtype == np.float32


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((28, 28), (28, 28, 1)),
        ((5, 28, 28), (5, 28, 28, 1)),
        ((5, 28, 28, 3), (5, 28, 28, 3)),
        ((0, 28, 28), (0, 28, 28, 1)),
    ],
)
def test_to_float_adds_the_channel_axis(shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert to_float(np.zeros(shape, np.uint8)).shape == expected
    assert to_float(np.zeros(shape)).shape == expected


def test_to_float_does_not_scale_floats() -> None:
    images = np.array([[-3.0, 0.25], [1.0, 255.0]])
    found = to_float(images)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found[..., 0], images)
    assert not np.shares_memory(to_float(images, np.float64), images)


def test_to_float_refuses_what_it_cannot_scale() -> None:
    for dtype in (np.int64, np.uint16, bool):
        with pytest.raises(DtypeError, match=f"images must be uint8 or floating, got {np.dtype(dtype)}"):
            to_float(np.zeros((2, 2), dtype))
    with pytest.raises(DtypeError, match="dtype must be floating, got int32"):
        to_float(np.zeros((2, 2), np.uint8), np.int32)
    for shape in ((4,), (1, 2, 3, 4, 5)):
        with pytest.raises(ShapeError, match=re.escape(f"got shape {shape}")):
            to_float(np.zeros(shape, np.uint8))


def test_normalize_is_per_channel_and_keeps_the_dtype() -> None:
    images = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)
    mean, std = [1.0, 2.0, 3.0], [2.0, 4.0, 0.5]
    found = normalize(images, mean, std)
    assert found.dtype == np.float32
    for channel in range(3):
        expected = (images[..., channel] - mean[channel]) / std[channel]
        np.testing.assert_array_equal(found[..., channel], expected)
    np.testing.assert_array_equal(normalize(images, 1, 2), (images - 1) / 2)
    np.testing.assert_array_equal(images, np.arange(24).reshape(2, 2, 2, 3))


@pytest.mark.parametrize("std", [0, [1.0, 0.0, 1.0], -1.0, 1e-60])  # 1e-60 is 0 in float32
def test_normalize_refuses_a_std_that_is_not_positive(std: object) -> None:
    with pytest.raises(ValueError, match="std must be above 0 in float32"):
        normalize(np.zeros((2, 2, 3), np.float32), 0, std)


def test_normalize_refuses_statistics_and_images_that_do_not_fit() -> None:
    images = np.zeros((2, 2, 3), np.float32)
    with pytest.raises(
        ShapeError, match=re.escape("mean must be a number or one per channel, shape (3,), got shape (2,)")
    ):
        normalize(images, [0, 0], 1)
    with pytest.raises(ShapeError, match="std must be a number or one per channel"):
        normalize(images, 0, np.ones((2, 3)))
    with pytest.raises(ValueError, match="mean must be finite, got nan"):
        normalize(images, np.nan, 1)
    with pytest.raises(ValueError, match="std must be finite, got inf"):
        normalize(images, 0, np.inf)
    with pytest.raises(DtypeError, match="images must be floating, got uint8; apply to_float first"):
        normalize(images.astype(np.uint8), 0, 1)


def test_compose_applies_the_first_function_first() -> None:
    assert compose(lambda x: x + 1, lambda x: x * 10)(2) == 30
    assert compose()("same") == "same"


# The shipped digits


@pytest.mark.parametrize("name", SHIPPED_DIGESTS)
def test_shipped_files_are_the_documented_ones(name: str) -> None:
    content = gzip.decompress((SHIPPED / f"{name}.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() == SHIPPED_DIGESTS[name]
    assert f"| `{name}` | `{SHIPPED_DIGESTS[name]}` |" in (SHIPPED / "NOTICE.md").read_text(encoding="utf-8")


def test_shipped_digits_are_balanced_mixed_and_apart() -> None:
    train_images, train_labels, test_images, test_labels = mnist(SHIPPED, download=False)
    assert train_images.shape == (4000, 28, 28)
    assert test_images.shape == (1000, 28, 28)
    assert np.bincount(train_labels).tolist() == [400] * 10
    assert np.bincount(test_labels).tolist() == [100] * 10
    for images in (train_images, test_images):
        assert images.min() == 0
        assert images.max() == 255
        assert images.any(axis=(1, 2)).all()  # no blank digit
    assert set(train_labels[:100]) == set(test_labels[:100]) == set(range(10))
    assert not {image.tobytes() for image in train_images} & {image.tobytes() for image in test_images}


def test_shipped_labels_belong_to_their_images() -> None:
    train_images, train_labels, test_images, test_labels = mnist(SHIPPED, download=False)
    means = np.stack([train_images[train_labels == digit].mean(axis=0) for digit in range(10)])
    distances = ((test_images[:, np.newaxis] - means) ** 2).sum(axis=(2, 3))
    accuracy = np.mean(distances.argmin(axis=1) == test_labels)  # the nearest class mean gets about 0.8
    assert 0.75 < accuracy < 0.9
