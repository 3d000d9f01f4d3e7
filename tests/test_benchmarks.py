"""The benchmarks' command runs, and says what it finds; nothing here is about time."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

TABLE = Path(__file__).parent.parent / "benchmarks" / "table.py"


def table(*options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, str(TABLE), *options], capture_output=True, text=True, timeout=120)


def test_the_table_times_a_row_in_eager_work_and_under_jit(tmp_path: Path) -> None:
    file = tmp_path / "table.json"
    quick = ("--rounds", "1", "--seconds", "0.01", "--repeats", "1", "--save", str(file))
    done = table("--rows", "linear", "--columns", "funcgrad,funcgrad jit", *quick)
    assert done.returncode == 0, done.stderr
    assert "linear regression, SGD step, 100x5" in done.stdout
    row = json.loads(file.read_text())["results"]["rows"]["linear"]
    assert set(row["seconds"]) == {"funcgrad", "funcgrad jit"}
    assert 0 < row["least"]["funcgrad jit"] <= row["medians"]["funcgrad jit"]
    assert row["ratio"] is None  # no peer was asked
    assert "problems" not in row


def test_the_table_names_the_rows_that_there_are() -> None:
    done = table("--rows", "linear,liner")
    assert done.returncode == 2
    assert "no such rows: liner; there are linear, cnn, " in done.stderr


def test_a_process_that_ends_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(TABLE.parent))
    worker = importlib.import_module("comparison.worker").Worker("linear", "funcgrad", limit=60)
    assert len(worker.answer()["results"]) == 3
    worker.process.kill()
    worker.process.wait()
    assert "ended with -9" in worker.measure(0.01)["error"]
    worker.end()


def test_the_protocols_are_timed_beside_our_own_names(tmp_path: Path) -> None:
    file = tmp_path / "protocols.json"
    quick = ("--rounds", "1", "--repeats", "5", "--save", str(file))
    command = [sys.executable, str(TABLE.parent / "protocols.py"), *quick]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    results = json.loads(file.read_text())["results"]
    assert {"sin(x)", "sum(x)", "linalg.norm(x)", "array * x"} <= results.keys()
    for title, found in results.items():
        assert title in done.stdout
        assert found["more"] == pytest.approx(found["numpy"] - found["funcgrad"])
        assert min(found["numpy"], found["funcgrad"]) > 0
