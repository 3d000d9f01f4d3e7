"""The user's line: whose it is where libraries stand between the user and funcgrad."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import funcgrad as fg
import funcgrad.numpy as fnp
from funcgrad.errors import LostDerivativeWarning

V = fnp.asarray([1.0, 2.0, 3.0])


def test_a_library_function_is_not_the_users_line():
    def differentiate():
        fg.grad(lambda x: np.vectorize(lambda y: y * 2)(x).sum())(V)

    with pytest.raises(LostDerivativeWarning) as caught:
        differentiate()
    line = differentiate.__code__.co_firstlineno + 1
    assert f"\n  at {__file__}:{line}\n" in str(caught.value)
    assert "np.vectorize" in str(caught.value)


def library(source):
    """The names that an installed package of that source has."""
    names: dict[str, object] = {}
    exec(compile(textwrap.dedent(source), "/lib/site-packages/helper.py", "exec"), names)
    return names


def test_an_operation_of_a_library_is_on_the_tape_with_the_users_line():
    helper = library(
        """
        import funcgrad as fg

        def fail(ct):
            raise KeyError("no derivative here")

        def watched(x):
            return fg.tap(x, fail) * 2.0
        """
    )

    def differentiate():
        fg.grad(lambda x: helper["watched"](x).sum())(V)

    with pytest.raises(KeyError) as caught:
        differentiate()
    line = differentiate.__code__.co_firstlineno + 1
    assert f"in the backward pass of tap at {__file__}:{line}\n" in caught.value.__notes__[0]


def test_where_there_are_libraries_alone_the_innermost_is_named(tmp_path: Path):
    """As where the user's whole program is an installed package."""
    package = tmp_path / "site-packages"
    package.mkdir()
    (package / "program.py").write_text(
        textwrap.dedent(
            """
            import funcgrad as fg, funcgrad.numpy as fnp

            def loss(x):
                return (x * fnp.ones(4)).sum()

            try:
                fg.grad(loss)(fnp.ones(3))
            except ValueError as error:
                print(error)

            pull = fg.vjp(lambda x: x * x, fnp.ones(3))[1]
            """
        )
    )
    environment = {"PYTHONPATH": f"{package}:{Path(fg.__file__).parents[1]}", "PATH": ""}
    command = [sys.executable, "-m", "program"]
    out = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert f"at {package / 'program.py'}:5\n" in out
