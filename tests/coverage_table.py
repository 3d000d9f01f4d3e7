"""Makes `docs/coverage.md` by running every use of every public function: `python tests/coverage_table.py --save`.

    python tests/coverage_table.py               what would be written, and what fails
    python tests/coverage_table.py --save        writes docs/coverage.md
    python tests/coverage_table.py --gpu FILE    runs the values on the first GPU, and writes what happened to a file

The column of CuPy is `docs/coverage-gpu.json`, which the last of these made on some machine with a GPU.
"""

from __future__ import annotations

import argparse
import collections
import json
import multiprocessing
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import uses
from functions import ALL, ELSEWHERE, NAMESPACES, Use

import funcgrad as fg
from funcgrad import config

DOCS = Path(__file__).parent.parent / "docs"
TABLE, ON_GPU = DOCS / "coverage.md", DOCS / "coverage-gpu.json"
YES, NO, PARTLY = "yes", "-", "partly"


def order_of(use: Use) -> int:
    """How often it can be differentiated: not at all by integers and booleans."""
    return use.order if uses.Call(use).differentiated else 0


ASKED: dict[str, tuple[Callable[[Use], bool], Callable[[Use], None]]] = {
    "value": (lambda use: True, uses.value),
    "jvp": (lambda use: order_of(use) > 0, lambda use: uses.derivatives(use, 1, ("fwd",))),
    "vjp": (lambda use: order_of(use) > 0, lambda use: uses.derivatives(use, 1, ("rev",))),
    "order 2": (lambda use: order_of(use) > 1, lambda use: uses.derivatives(use, 2)),
    "vmap": (lambda use: use.vmap, uses.batched),
    "jit": (lambda use: use.jit, uses.compiled),
}
"""The columns: of which uses each is asked, and how it is found out."""

DERIVATIVES = ("jvp", "vjp", "order 2")
"""Those that say nothing of uses of integers and booleans alone."""

HEAD = """# What every function can do

Made by `python tests/coverage_table.py --save`, which runs several uses of each function: its value against NumPy's,
SciPy's or a formula; jvp and vjp, and both of them once more (order 2), against differences; vmap over every axis of
every array against the loop; as a part of a jitted program; and its value on a GPU by CuPy. {gpu}

`yes` is all uses, `-` none, `partly` some of them; the reason stands behind it. Integers and booleans have no
derivatives: the three columns say what holds for floats and complex numbers.
"""


def cells(name: str, gpu: dict[str, str]) -> list[str]:
    """A function's row as its uses declare it; `test_functions.py` holds them to it."""
    own = [use for use in ALL if use.name == name]
    smooth = [use for use in own if uses.Call(use).differentiated]
    row = [f"`{name.split('.')[-1]}`"]
    for column, (asked, _) in ASKED.items():
        found = {asked(use) for use in (smooth if column in DERIVATIVES else own)}
        row.append(YES if found == {True} else NO if True not in found else PARTLY)
    on_gpu = gpu.get(name, "not run")
    reasons = list(dict.fromkeys(use.why for use in own if use.why))
    if not smooth and not reasons:
        reasons.append("no array of floats goes in")
    if on_gpu not in (YES, "not run"):
        reasons.append(f"CuPy: {on_gpu}")
    row.append(on_gpu if on_gpu in (YES, "not run") else NO)
    return [*row, "; ".join(reasons).replace("|", "\\|")]


def text() -> str:
    """The page."""
    known = json.loads(ON_GPU.read_text()) if ON_GPU.exists() else {"about": "It was not run on one yet.", "found": {}}
    out = [HEAD.format(gpu=known["about"])]
    columns = ["", *ASKED, "CuPy", "reason for what is missing"]
    for module in NAMESPACES:
        out.append(f"\n## funcgrad.{module}\n\n| {' | '.join(columns)} |\n|{'---|' * len(columns)}\n")
        for name in sorted(uses.names(module)):
            row = cells(name, known["found"]) if name not in ELSEWHERE else _elsewhere(name, len(columns))
            out.append(f"| {' | '.join(row)} |\n")
    return "".join(out)


def _elsewhere(name: str, width: int) -> list[str]:
    return [f"`{name.split('.')[-1]}`", *[""] * (width - 2), ELSEWHERE[name]]


def failures(place: int) -> list[str]:
    """The columns in which a use, by its place in ALL, does not do what it declares: each with the error's first line.

    Functions of the test table itself cannot be sent to another process.
    """
    use, found = ALL[place], []
    with config.default_dtype("float64"), config.jit_warmup(0), warnings.catch_warnings():
        warnings.simplefilter("error")
        for column, (asked, check) in ASKED.items():
            if asked(use):
                fault = fault_of(lambda check=check: check(use))  # type: ignore[misc]
                found += [f"{use}: {column}: {fault}"] if fault else []
    return found


def fault_of(check: Callable[[], Any]) -> str:
    """The error of a check in a line, or nothing."""
    try:
        check()
    except Exception as error:
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    return ""


def on_gpu() -> dict[str, str]:
    """For each function whether its values on the first GPU are those on the CPU, or else the error."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    with multiprocessing.get_context("spawn").Pool() as pool:
        for use, fault in zip(ALL, pool.imap(fault_on_gpu, range(len(ALL)), chunksize=8), strict=True):
            found[use.name].append(fault)
    return {name: next(filter(None, faults), YES) for name, faults in found.items()}


def fault_on_gpu(place: int) -> str:
    """What is wrong with a use, by its place in ALL, on the first GPU: a line, or nothing."""
    with config.default_dtype("float64"):
        return fault_of(lambda: _same_on(fg.devices("cuda")[0], ALL[place]))


def _same_on(where: Any, use: Use) -> None:
    call = uses.Call(use)
    expected = uses.results(call(*map(fg.asarray, call.arrays)))
    with fg.default_device(where):
        found = uses.results(call(*[fg.device_put(a, where) for a in call.arrays]))
    if use.name.endswith((".eigh", ".svd")):  # whose vectors have any sign, or phase
        found, expected = [abs(y) for y in found], [abs(y) for y in expected]
    uses.assert_close(found, [fg.device_get(y) for y in expected], max(use.rtol, 1e-9))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--save", action="store_true", help="write docs/coverage.md")
    parser.add_argument("--gpu", metavar="FILE", help="run on a GPU instead, and write JSON")
    options = parser.parse_args()
    if options.gpu:
        cupy = __import__("cupy")
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        found = on_gpu()
        about = f"That was an {name} with CuPy {cupy.__version__}, {time.strftime('%Y-%m-%d')}."
        Path(options.gpu).write_text(json.dumps({"about": about, "found": found}, indent=1) + "\n")
        print("\n".join(f"{name}: {fault}" for name, fault in found.items() if fault != YES))
        return
    with multiprocessing.get_context("spawn").Pool() as pool:
        faults = [fault for some in pool.imap_unordered(failures, range(len(ALL)), chunksize=20) for fault in some]
    print("\n".join(faults) or "every use does what it declares")
    if options.save and not faults:
        TABLE.write_text(text())
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
