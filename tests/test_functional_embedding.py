"""Rows of tables and bags of them: values and derivatives against PyTorch and loops, transforms, messages."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from samples import uniform

import funcgrad as fg
import funcgrad.functional as F  # the name that users give it
import funcgrad.numpy as fnp
from funcgrad.errors import ArrayIndexError, DtypeError, OptionError, ShapeError
from funcgrad.testing import check_grads

TABLE = uniform(5, 3)
BAGS = np.array([[0, 4, 1], [2, 2, 0], [3, 3, 3]])
FLAT, OFFSETS = np.array([4, 0, 2, 2, 1, 3]), np.array([0, 2, 2, 5])  # the second bag is empty


def assert_close(found: Any, expected: Any, rtol: float = 1e-10) -> None:
    np.testing.assert_allclose(np.asarray(found), np.asarray(expected), rtol=rtol, atol=rtol)


@pytest.fixture
def torch() -> Any:
    return pytest.importorskip("torch")


def test_embedding_is_the_rows_and_padding_has_no_derivative() -> None:
    assert_close(F.embedding(BAGS, TABLE), TABLE[BAGS])
    assert_close(F.embedding(2, TABLE), TABLE[2])
    for padding in (3, -2):
        assert_close(F.embedding(BAGS, TABLE, padding), TABLE[BAGS])
        for index in (BAGS, BAGS - 5, BAGS.astype("uint8")):
            grad = fg.grad(lambda w, index=index, p=padding: F.embedding(index, w, p).sum())(TABLE)
            assert grad.sum(1).tolist() == [6, 3, 6, 0, 3]


@pytest.mark.parametrize("norm_type", [1.0, 2.0, 3.0])
def test_long_rows_are_shortened(torch: Any, norm_type: float) -> None:
    expected = torch.nn.functional.embedding(
        torch.tensor(BAGS), torch.tensor(TABLE), max_norm=0.9, norm_type=norm_type
    ).numpy()
    assert (np.linalg.norm(TABLE, norm_type, axis=1) > 0.9).any()
    assert_close(F.embedding(BAGS, TABLE, max_norm=0.9, norm_type=norm_type), expected)
    check_grads(lambda w: F.embedding(BAGS, w, max_norm=0.9, norm_type=norm_type), (TABLE,), order=2)


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
@pytest.mark.parametrize("options", [{}, {"padding_idx": 2}, {"padding_idx": -2, "max_norm": 0.8}], ids=str)
@pytest.mark.parametrize("bags", ["rows", "offsets", "last offset"])
def test_bags_against_torch(torch: Any, mode: str, options: dict[str, Any], bags: str) -> None:
    index: Any = BAGS if bags == "rows" else FLAT
    offsets = {"rows": None, "offsets": OFFSETS, "last offset": np.append(OFFSETS, 6)}[bags]
    more = {"mode": mode, "include_last_offset": bags == "last offset", **options}
    theirs = torch.tensor(TABLE, requires_grad="max_norm" not in options)
    expected = torch.nn.functional.embedding_bag(
        torch.tensor(index), theirs, None if offsets is None else torch.tensor(offsets), **more
    )
    assert_close(F.embedding_bag(index, TABLE, offsets, **more), expected.detach())
    if theirs.requires_grad:
        weights = uniform(*expected.shape, seed=1)
        (expected * torch.tensor(weights)).sum().backward()
        grad = fg.grad(lambda w: (F.embedding_bag(index, w, offsets, **more) * weights).sum())(TABLE)
        assert_close(grad, theirs.grad)
    check_grads(lambda w: F.embedding_bag(index, w, offsets, **more) ** 2, (TABLE,), order=2)


@pytest.mark.parametrize("offsets", [None, OFFSETS], ids=["rows", "offsets"])
def test_weighted_bags_against_torch(torch: Any, offsets: Any) -> None:
    index = BAGS if offsets is None else FLAT
    weights = uniform(*index.shape, seed=2)
    given = torch.tensor(weights, requires_grad=True)
    expected = torch.nn.functional.embedding_bag(
        torch.tensor(index),
        torch.tensor(TABLE, requires_grad=True),
        None if offsets is None else torch.tensor(offsets),
        mode="sum",
        per_sample_weights=given,
    )
    expected.sum().backward()

    def ours(weights: Any, table: Any = TABLE) -> Any:
        return F.embedding_bag(index, table, offsets, mode="sum", per_sample_weights=weights)

    assert_close(ours(weights), expected.detach())
    assert_close(fg.grad(lambda w: ours(w).sum())(weights), given.grad)
    check_grads(ours, (weights, TABLE), order=2)


def test_a_bag_alone_and_bags_without_entries() -> None:
    assert_close(F.embedding_bag([0, 4, 4], TABLE, mode="max"), TABLE[[0, 4]].max(0))
    assert_close(F.embedding_bag(BAGS[None], TABLE), TABLE[BAGS].mean(1)[None])
    nothing = np.zeros((2, 0), dtype="int64")
    for mode in ("sum", "mean", "max"):
        assert F.embedding_bag(nothing, TABLE, mode=mode).tolist() == [[0, 0, 0]] * 2
        assert F.embedding_bag([[3, 3]], TABLE, mode=mode, padding_idx=3).tolist() == [[0, 0, 0]]
        grad = fg.grad(lambda w, mode=mode: F.embedding_bag([[3, 3]], w, mode=mode, padding_idx=3).sum())(TABLE)
        assert not np.asarray(grad).any()


def test_transforms() -> None:
    indices, tables = np.stack([BAGS, BAGS[::-1]]), np.stack([TABLE, 2 * TABLE])
    for f in (
        lambda index, table: F.embedding(index, table, 3, 0.9),
        lambda index, table: F.embedding_bag(index, table, padding_idx=3),
        lambda index, table: F.embedding_bag(index.ravel(), table, [0, 4, 5], mode="max", padding_idx=1),
    ):
        expected = [np.asarray(f(*one)) for one in zip(map(fnp.asarray, indices), tables, strict=True)]
        assert_close(fg.vmap(f)(indices, tables), np.stack(expected))
        compiled = fg.jit(f)
        for index, table, e in zip(indices, tables, expected, strict=True):
            assert_close(compiled(index, table), e)


def test_narrow_tables_round_a_mean_once() -> None:
    table = TABLE.astype("float16")
    assert F.embedding(BAGS, table).dtype == np.float16
    found = F.embedding_bag(BAGS, table)
    assert found.dtype == np.float16
    assert_close(found, table.astype("float32")[BAGS].mean(1).astype("float16"), 0)


@pytest.mark.parametrize(
    ("call", "kind", "text"),
    [
        (lambda: F.embedding([0.5], TABLE), DtypeError, "embedding: expected integers"),
        (lambda: F.embedding([5], TABLE), ArrayIndexError, "5"),
        (lambda: F.embedding([0], TABLE[0]), ShapeError, "the table must be"),
        (lambda: F.embedding([0], TABLE, 1.0), OptionError, "padding_idx must be from -5 to 4, not 1.0"),
        (lambda: F.embedding([0], TABLE, 5), OptionError, "padding_idx must be from -5 to 4, not 5"),
        (lambda: F.embedding_bag(0, TABLE), ShapeError, "x must be"),
        (lambda: F.embedding_bag(BAGS, TABLE, [0]), ShapeError, "with offsets"),
        (lambda: F.embedding_bag(FLAT, TABLE, [0.0]), DtypeError, "offsets must be integers"),
        (lambda: F.embedding_bag(FLAT, TABLE, [[0]]), ShapeError, "offsets must be"),
        (lambda: F.embedding_bag([0, 1], TABLE, [0, 3]), ArrayIndexError, "offsets must be between 0 and 2"),
        (lambda: F.embedding_bag([0, 1], TABLE, [0, 2, 1]), ArrayIndexError, "offsets must ascend"),
        (lambda: F.embedding_bag(BAGS, TABLE, mode="min"), OptionError, "'sum', 'mean' or 'max', not 'min'"),
        (lambda: F.embedding_bag(BAGS, TABLE, per_sample_weights=BAGS), OptionError, "for mode='sum', not 'mean'"),
        (
            lambda: F.embedding_bag(BAGS, TABLE, mode="sum", per_sample_weights=[1.0]),
            ShapeError,
            "per_sample_weights must have x's shape",
        ),
    ],
)
def test_messages(call: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call()
