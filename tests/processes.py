"""Programs in a process of their own, for the tests of what happens to one."""

from __future__ import annotations

import os
import subprocess
import sys


def run_alone(program: str) -> subprocess.CompletedProcess[str]:
    """What the program printed; it may import the modules of the tests."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
