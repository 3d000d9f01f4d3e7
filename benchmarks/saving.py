"""Results as a JSON file, with what they were measured on."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import time
from collections.abc import Iterable
from typing import Any


def save(file: str, libraries: Iterable[str], results: Any) -> None:
    """Write results with the date and the versions of Python, NumPy and the libraries beside funcgrad."""
    versions = {name: importlib.metadata.version(name) for name in ("numpy", *libraries) if name != "funcgrad"}
    about = {"date": time.strftime("%Y-%m-%d"), "python": platform.python_version(), "versions": versions}
    with open(file, "w") as out:
        json.dump({**about, "results": results}, out, indent=2)
        out.write("\n")
