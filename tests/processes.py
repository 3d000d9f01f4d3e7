"""Programs in a process of their own, for the tests of what happens to one."""

from __future__ import annotations

import os
import subprocess
import sys


def run_alone(program: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """What the program printed; it may import the modules of the tests, and has these variables in its environment."""
    return subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **variables, "PYTHONPATH": os.pathsep.join([os.path.dirname(__file__), *sys.path])},
        capture_output=True,
        text=True,
        timeout=120,
    )
