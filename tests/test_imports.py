"""Who may import whom: the layers of the package, from left to right, and what the whole package may not import."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import funcgrad

PACKAGE = Path(funcgrad.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

LAYERS = [
    {
        *("provenance", "decisions", "array_methods", "array_protocols", "errors", "config", "tree"),
        *("device", "dtypes", "dlpack", "atomic"),
    },
    {"core"},
    {"operations", "narrow"},
    {"rules"},
    {"kernels"},
    {"ops"},
    {"numpy", "placement"},
    {"random"},
    {"functional", "flatten_util"},
    {"graph"},
    {"codegen"},
    {"transforms"},
    {"testing", "checking", "layers", "optim", "scipy"},
    {"lax"},
    {"data", "io", "distributed", "debug"},
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
ONLY_IN = {"cupy": "device.py", "optree": "tree/structure.py"}
MOST_LINES = 600

every_file = pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(PACKAGE)))


def own_parts(file: Path) -> tuple[str, ...]:
    """The file's module path inside the package: ops/shape.py is ('ops', 'shape'), ops/__init__.py is ('ops',)."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def statements(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports but those for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from statements(node)


def targets(file: Path, tree: ast.AST) -> Iterator[tuple[int, str]]:
    """(line, module) of every import, modules of the package as 'funcgrad.ops'; the package itself as 'funcgrad'."""
    parts = ("funcgrad", *own_parts(file))
    package = parts if file.name == "__init__.py" else parts[:-1]
    for node in statements(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
            continue
        base = list(package[: len(package) - node.level + 1]) if node.level else []
        base += node.module.split(".") if node.module else []
        if base == ["funcgrad"]:  # `from .. import tree`: a module of that name, or a name of the package's own
            for alias in node.names:
                there = (PACKAGE / alias.name).is_dir() or (PACKAGE / f"{alias.name}.py").exists()
                yield node.lineno, f"funcgrad.{alias.name}" if there else "funcgrad"
        else:
            yield node.lineno, ".".join(base)


def wrong_imports(file: Path, source: str) -> list[str]:
    """The imports of a file that go to the right, or through the package's top."""
    own = own_parts(file)
    if not own:
        return []  # the public names come from everywhere
    found = []
    for line, module in targets(file, ast.parse(source)):
        head, *rest = module.split(".")
        if head != "funcgrad":
            continue
        if not rest:
            found.append(f"{file.name}:{line} imports from the top of the package; import the module itself")
        elif rest[0] not in RANK or own[0] not in RANK:
            found.append(f"{file.name}:{line} give {rest[0]} and {own[0]} their places in LAYERS")
        elif rest[0] != own[0] and RANK[rest[0]] >= RANK[own[0]] > 0:
            found.append(f"{file.name}:{line} {own[0]} may not import {rest[0]}, which stands beside or above it")
        elif RANK[rest[0]] > RANK[own[0]]:
            found.append(f"{file.name}:{line} {own[0]} may not import {rest[0]}, which stands above it")
    return found


def imports_in_functions(source: str) -> list[int]:
    """The lines of imports inside functions."""
    functions = [n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    return [n.lineno for f in functions for n in ast.walk(f) if isinstance(n, ast.Import | ast.ImportFrom)]


def foreign(file: Path, source: str) -> list[str]:
    """Imports, by statement or by name, of modules that one other file alone may import."""
    tree = ast.parse(source)
    named = [m for _, m in targets(file, tree)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            named += [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
    heads = {m.split(".")[0] for m in named}
    return [m for m, owner in ONLY_IN.items() if m in heads and file.relative_to(PACKAGE) != Path(owner)]


def test_every_module_has_its_layer() -> None:
    assert {own_parts(f)[0] for f in FILES if own_parts(f)} <= set(RANK)


@every_file
def test_imports_go_to_the_left(file: Path) -> None:
    assert not wrong_imports(file, file.read_text())


@every_file
def test_no_import_inside_a_function(file: Path) -> None:
    assert not imports_in_functions(file.read_text())


@every_file
def test_one_file_alone_knows_cupy_and_one_optree(file: Path) -> None:
    assert not foreign(file, file.read_text())


@every_file
def test_no_file_is_too_long(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= MOST_LINES


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("core.py", "from .rules import linear"),
        ("core.py", "from . import numpy"),
        ("core.py", "import funcgrad.numpy.creation"),
        ("ops/shape.py", "from ..numpy.creation import zeros"),
        ("ops/shape.py", "from .. import Array"),
        ("numpy/creation.py", "from ..random import normal"),
        ("random/keys.py", "from ..functional import relu"),
        ("transforms/grad.py", "from ..testing import check_grads"),
        ("errors.py", "if True:\n    from .core import Array"),
    ],
)
def test_the_reader_of_imports_finds_wrong_ones(name: str, source: str) -> None:
    assert wrong_imports(PACKAGE / name, source)


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("core.py", "from .errors import ShapeError\nimport numpy as np\nfrom collections import abc"),
        ("ops/shape.py", "from ..rules import linear\nfrom .elementwise import add\nfrom .. import tree"),
        ("functional/loss.py", "from ..numpy import log"),
        ("errors.py", "if TYPE_CHECKING:\n    from .core import Array"),
        ("__init__.py", "from .transforms.grad import grad"),
    ],
)
def test_the_reader_of_imports_lets_right_ones_pass(name: str, source: str) -> None:
    assert not wrong_imports(PACKAGE / name, source)


def test_the_reader_of_imports_finds_hidden_ones() -> None:
    assert imports_in_functions("class A:\n    def f(self):\n        if x:\n            import os\n") == [4]
    assert foreign(PACKAGE / "core.py", "import importlib\nimportlib.import_module('cupy.cuda')") == ["cupy"]
    assert foreign(PACKAGE / "core.py", "try:\n    from optree import tree_map\nexcept ImportError:\n    pass") == [
        "optree"
    ]
    assert not foreign(PACKAGE / "device.py", "import cupy")


def test_importing_the_package_imports_nothing_heavy() -> None:
    code = "import sys, funcgrad; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent, timeout=120
    )
    imported = set(shown.stdout.split())
    assert "funcgrad" in imported
    assert not imported & {"cupy", "torch", "jax", "scipy", "matplotlib", "pandas", "tensorflow", "numba", "sklearn"}
