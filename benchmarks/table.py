"""funcgrad beside PyTorch and JAX, row by row: `python benchmarks/table.py [--rows R,R] [--save FILE] [--plot FILE]`.

Each library runs a row in a process of its own, on two processors; the processes take turns, several rounds, and the
medians over the rounds are compared. The ratio is the best peer's time by funcgrad's, and beside it stands what the
project asks of it. Libraries that are not installed are left out.

A fixed piece of work before and after each row, and the system's account of who used the processors, tell whether the
machine was busy with something else. Such a row is repeated, and marked with ~ if it stays so: then its ratio says
little. `floor` is the time of the row's products at the machine's measured peak, or of its reads and writes at the
bandwidth that arrays of that size have, whichever is longer.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from comparison.machine import Watch, measure
from comparison.rows import COLD_ROWS, ROWS, Row
from comparison.worker import COLUMNS, Worker, serve
from saving import save

SHOWN = {"jax": "jax.jit", "funcgrad plain": "funcgrad jit"}
"""Columns that are printed as others: eager JAX in the row of eager work, and funcgrad alone in a row that says so."""
COLD_COLUMNS = ("torch.compile", "jax.jit", "funcgrad jit")
TOLERANCE = 2e-3
"""Relative, between libraries' results after a few steps in float32."""


def in_turn(name: str, row: Row, columns: list[str], watch: Watch, options: argparse.Namespace) -> dict[str, Any]:
    """All columns of a row, round by round; again while the machine is busy."""
    workers = {column: Worker(name, column, options.limit) for column in columns}
    problems: dict[str, str] = {}
    results: dict[str, list[float]] = {}

    def without(column: str, answer: dict[str, Any]) -> None:
        problems[column] = answer.get("error") or f"{answer['missing']} is not installed"
        workers.pop(column).end()

    try:
        for column, worker in list(workers.items()):  # one after the other: compiling disturbs nobody's warm-up
            answer = worker.answer()
            if "results" in answer:
                results[column] = answer["results"]
            else:
                without(column, answer)
        best: dict[str, Any] = {}
        for attempt in range(options.repeats):
            pids = [worker.process.pid for worker in workers.values()]
            slower, before = watch.calibrate(), watch.account(pids)
            rounds: dict[str, list[dict[str, float]]] = {column: [] for column in workers}
            for _ in range(options.rounds):
                for column, worker in list(workers.items()):
                    answer = worker.measure(options.seconds)
                    if "seconds" in answer:
                        rounds[column].append(answer)
                    else:
                        without(column, answer)
                        del rounds[column]
                    time.sleep(0.02)  # its threads still wait for work, and would disturb the next
            pids = [worker.process.pid for worker in workers.values()]
            others, slower = watch.others(before, watch.account(pids)), max(slower, watch.calibrate())
            noisy = others > watch.OTHERS or slower > watch.SLOWER
            medians = {c: statistics.median(turn["seconds"] for turn in r) / row.per for c, r in rounds.items()}
            least = {c: min(turn["best"] for turn in r) / row.per for c, r in rounds.items()}
            found = {
                "seconds": least if options.least else medians,
                "medians": medians,
                "least": least,
                "peak_mib": {c: r[-1]["peak_mib"] for c, r in rounds.items()},
                "noise": {"noisy": noisy, "others": others, "slower": slower, "load": os.getloadavg()[0]},
                "attempts": attempt + 1,
            }
            if not best or others < best["noise"]["others"]:
                best = found
            best["attempts"] = attempt + 1
            if not noisy:
                break
        if row.alike:
            problems |= differences(results)
        return best | ({"problems": problems} if problems else {})
    finally:
        for worker in workers.values():
            worker.end()


def differences(results: dict[str, list[float]]) -> dict[str, str]:
    """The columns whose results are not those of most."""
    middle = np.median(list(results.values()), axis=0) if results else None
    return {
        column: f"other results than the rest: {values} beside {middle.tolist()}"
        for column, values in results.items()
        if not np.allclose(values, middle, rtol=TOLERANCE, atol=1e-6)
    }


def cold(columns: list[str], watch: Watch, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Both rows of first calls: fresh processes with an empty folder for compiled code, then with what they left."""
    times: dict[str, dict[str, list[float]]] = {name: {column: [] for column in columns} for name in COLD_ROWS}
    problems: dict[str, str] = {}
    slower, before = watch.calibrate(), watch.account([])
    for _ in range(max(1, options.rounds // 2)):
        for column in columns:
            with tempfile.TemporaryDirectory() as folder:
                variables = {
                    "FUNCGRAD_CACHE_DIR": f"{folder}/funcgrad",
                    "TORCHINDUCTOR_CACHE_DIR": f"{folder}/torch",
                    "JAX_COMPILATION_CACHE_DIR": f"{folder}/jax",
                    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
                    "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
                }
                for name in COLD_ROWS:
                    worker = Worker("cnn", column, options.limit, cold=True, **variables)
                    answer = worker.answer()
                    worker.end()
                    if "seconds" in answer:
                        times[name][column].append(answer["seconds"])
                    else:
                        problems[column] = answer.get("error") or f"{answer['missing']} is not installed"
    others, slower = watch.others(before, watch.account([])), max(slower, watch.calibrate())
    noise = {
        "noisy": others > watch.OTHERS or slower > watch.SLOWER,
        "others": others,
        "slower": slower,
        "load": os.getloadavg()[0],
    }
    return {
        name: {
            "seconds": {c: statistics.median(t) for c, t in found.items() if t},
            "noise": noise,
            "problems": problems,
        }
        for name, found in times.items()
    }


# ---- what is printed ---------------------------------------------------------------------------


def duration(seconds: float | None) -> str:
    """With the unit that fits it."""
    if seconds is None:
        return "-"
    for unit, scale in (("s", 1), ("ms", 1e-3)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} us"


def ratio(found: dict[str, Any], ours: str) -> float | None:
    """The best peer's time by ours."""
    peers = [seconds for column, seconds in found["seconds"].items() if not column.startswith("funcgrad")]
    return min(peers) / found["seconds"][ours] if peers and ours in found["seconds"] else None


def line(title: str, found: dict[str, Any], ours: str, shown: list[str], goal: str) -> str:
    """One row of the table."""
    seconds = {SHOWN.get(column, column): value for column, value in found["seconds"].items()}
    cells = "".join(f"{duration(seconds.get(column)):>{max(10, len(column) + 2)}}" for column in shown)
    reached, floor = ratio(found, ours), found.get("floor")
    parts = f"{reached:.2f}" if reached is not None else "-", goal, duration(floor)
    times = f"{found['seconds'][ours] / floor:.2f}" if floor and ours in found["seconds"] else "-"
    mark = "~" if found["noise"]["noisy"] else " "
    return f"{title:<44}{cells}{mark}{parts[0]:>7}{parts[1]:>9}{parts[2]:>10}{times:>7}"


def plot(results: dict[str, dict[str, Any]], shown: list[str], file: str) -> None:
    """Each library's speed as a multiple of the best peer's."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [r for r in results.values() if any(not c.startswith("funcgrad") for c in r["seconds"])]
    figure, axes = pyplot.subplots(figsize=(10, 0.62 * len(rows) + 1.2), layout="constrained")
    height = 0.8 / len(shown)
    for i, column in enumerate(shown):
        for y, row in enumerate(rows):
            seconds = {SHOWN.get(c, c): t for c, t in row["seconds"].items()}
            peer = min(t for c, t in seconds.items() if not c.startswith("funcgrad"))
            if column in seconds:
                place = y + (i - (len(shown) - 1) / 2) * height
                axes.barh(place, peer / seconds[column], height, color=f"C{i}", label=column if y == 0 else None)
    axes.axvline(1, color="gray", linewidth=0.8)
    axes.set(xscale="log", xlabel="speed, as a multiple of the best peer's")
    axes.set_yticks(range(len(rows)), [row["title"] for row in rows])
    axes.invert_yaxis()
    handles = [pyplot.Rectangle((0, 0), 1, 1, color=f"C{i}") for i in range(len(shown))]
    figure.legend(handles, shown, loc="outside upper center", ncols=len(shown))
    figure.savefig(file, dpi=110)


# ---- the command -------------------------------------------------------------------------------


def processor() -> str:
    """The processor's name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return "unknown"
    return next((x.partition(":")[2].strip() for x in lines if x.startswith("model name")), "unknown")


def best_calibration(file: str | None, name: str) -> float:
    """The best time of the fixed work in an earlier run on such a processor: a busy machine is no measure of itself."""
    if file is None or not Path(file).exists():
        return float("inf")
    machine = json.loads(Path(file).read_text())["results"]["machine"]
    return machine["calibration"] if machine["processor"] == name else float("inf")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [*ROWS, *COLD_ROWS]
    parser.add_argument("--rows", default=",".join(names), help=f"of {', '.join(names)} (default all)")
    parser.add_argument("--columns", help=f"of {', '.join(COLUMNS)} (default all but torch.compile and what needs it)")
    parser.add_argument("--torch-compile", action="store_true", help="with torch.compile, which takes a minute a row")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each library (default 5)")
    parser.add_argument("--seconds", type=float, default=0.5, help="of a turn (default 0.5)")
    parser.add_argument("--repeats", type=int, default=3, help="times that a noisy row is measured at most (default 3)")
    parser.add_argument("--least", action="store_true", help="compare least times: for a machine that is never quiet")
    parser.add_argument("--limit", type=float, default=180, help="seconds a library has to get ready (default 180)")
    parser.add_argument("--threads", type=int, default=2, help="processors (default 2)")
    parser.add_argument("--save", metavar="FILE", help="write the results as JSON")
    parser.add_argument("--plot", metavar="FILE", help="draw a bar chart (needs matplotlib)")
    parser.add_argument("--worker", nargs=2, metavar=("ROW", "COLUMN"), help=argparse.SUPPRESS)
    parser.add_argument("--cold", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--machine", metavar="BYTES", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.rows = options.rows.split(",")
    if unknown := set(options.rows) - set(names):
        parser.error(f"no such rows: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    options.columns = (
        options.columns.split(",")
        if options.columns
        else [column for column in COLUMNS if options.torch_compile or column != "torch.compile"]
    )
    if unknown := set(options.columns) - set(COLUMNS):
        parser.error(f"no such columns: {', '.join(sorted(unknown))}; there are {', '.join(COLUMNS)}")
    return options


def peaks(rows: list[str], threads: int) -> dict[str, float]:
    """The machine's peaks for rows that have a floor, measured in a process of their own."""
    sizes = {int(ROWS[name].bytes) for name in rows if name in ROWS and ROWS[name].bytes}
    if not sizes and not any(name in ROWS and ROWS[name].flops for name in rows):
        return {}
    given = ",".join(map(str, sorted(sizes)))
    command = [sys.executable, __file__, "--machine", given, "--threads", str(threads)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    options = arguments()
    if options.machine is not None:
        print(json.dumps(measure(options.threads, [int(n) for n in options.machine.split(",") if n])))
        return
    if options.worker:
        row, column = options.worker
        serve(ROWS[row], column, options.cold)
        return
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    name = processor()
    watch = Watch(options.threads, best_calibration(options.save, name))
    found_peaks = peaks(options.rows, options.threads)
    shown = [column for column in COLUMNS if column in options.columns and column not in SHOWN]
    heads = "".join(f"{column:>{max(10, len(column) + 2)}}" for column in shown)
    print(f"{'':<44}{heads} {'ratio':>7}{'asked':>9}{'floor':>10}{'times':>7}", flush=True)
    results: dict[str, dict[str, Any]] = {}
    for key in options.rows:
        if key in COLD_ROWS:
            continue
        row = ROWS[key]
        found = in_turn(key, row, [c for c in row.columns if c in options.columns], watch, options)
        floors = [row.flops / found_peaks["flops"]] if row.flops else []
        floors += [row.bytes / found_peaks[str(int(row.bytes))]] if row.bytes else []
        results[key] = {"title": row.title, "required": row.required, "ratio": ratio(found, row.ours), **found}
        if floors:
            results[key]["floor"] = max(floors)
        goal = f"{row.required:.1f}" if row.required else "-"
        print(line(row.title, results[key], row.ours, shown, goal), flush=True)
    if chosen := [key for key in COLD_ROWS if key in options.rows]:
        all_cold = cold([c for c in COLD_COLUMNS if c in options.columns], watch, options)
        for key in chosen:
            title, limit = COLD_ROWS[key]
            results[key] = {"title": title, "limit": limit, "ratio": ratio(all_cold[key], "funcgrad jit")}
            results[key] |= all_cold[key]
            print(line(title, results[key], "funcgrad jit", shown, f"< {limit} s"), flush=True)
    for row_found in results.values():
        for column, problem in row_found.get("problems", {}).items():
            print(f"\n{row_found['title']}, {column}: {problem}")
    if any(row_found["noise"]["noisy"] for row_found in results.values()):
        print("\n~ the machine was busy with something else, each time that this row was measured")
    if options.plot:
        plot(results, shown, options.plot)
    if options.save:
        about = {"processor": name, "threads": options.threads, "calibration": watch.best, "peaks": found_peaks}
        peers = {column.split(".")[0].split()[0] for found in results.values() for column in found["seconds"]}
        save(options.save, sorted(peers - {"funcgrad"}), {"machine": about, "rows": results})


if __name__ == "__main__":
    main()
