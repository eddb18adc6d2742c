"""`xent score` on 100 million rows in eight files, by threads and, if it is installed, by Ray.

python benchmarks/score_1e8.py --folder DIR      make the files there, measure, delete them; write
                                                 score_1e8.json and its page
python benchmarks/score_1e8.py --rows 1000000    a trial; writes nothing
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import machine
import score_1e8_page
from score_1e8_page import Report, Taken
from score_once import peak
from score_speed import ROW_GROUP, write

HERE = Path(__file__).parent
RESULTS = HERE / "score_1e8.json"
PAGE = HERE.parent / "docs" / "score-1e8.md"

ROWS, FILES = 100_000_000, 8
BYTES = 12
"""Bytes of a row in the files, about; twice as much must be free."""
REPETITIONS = 3


def main() -> None:
    """Measure in processes of their own, and write the page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--once", nargs=3, metavar=("ENGINE", "THREADS", "FOLDER"))
    asked = parser.parse_args()
    if asked.once:
        engine, threads, folder = asked.once
        print(json.dumps(once(engine, int(threads), folder)))
        return
    place = asked.folder or Path(tempfile.gettempdir())
    free = shutil.disk_usage(place).free
    if free < 2 * BYTES * asked.rows:
        needed = 2 * BYTES * asked.rows
        parser.error(f"{place} has {free / 1e9:.1f} GB free; {needed / 1e9:.1f} are needed")
    cores = machine.cores()
    ways = [("local", 1), *([("local", cores)] if cores > 1 else [])]
    ray = ["ray"] if find_spec("ray") else []
    ways += [(engine, cores) for engine in ray]
    with tempfile.TemporaryDirectory(dir=place) as folder:
        start = time.perf_counter()
        for i in range(FILES):
            rows = asked.rows * (i + 1) // FILES - asked.rows * i // FILES
            write(Path(folder) / f"{i}.parquet", 1, rows, first=asked.rows * i // FILES)
        made = time.perf_counter() - start
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        runs = {way: [measured(*way, folder) for _ in range(1 + REPETITIONS)][1:] for way in ways}
    bits = {run["state"] for several in runs.values() for run in several}
    if len(bits) > 1:
        msg = f"{len(bits)} results differ"
        raise ValueError(msg)
    some = runs["local", 1][0]
    report: Report = {
        "date": machine.today(),
        "processor": machine.processor(),
        "cores": cores,
        "versions": machine.versions("numpy", "pyarrow", "xent", *ray),
        "load": os.getloadavg()[0],
        "rows": asked.rows, "files": FILES, "row_group": ROW_GROUP, "bytes": size,
        "made": made, "loss": some["loss"], "state": some["state"],
        "runs": [
            {"engine": engine, "threads": threads, "taken": least(several)}
            for (engine, threads), several in runs.items()
        ],
    }  # fmt: skip
    print(score_1e8_page.page(report))
    if asked.rows == ROWS:
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(score_1e8_page.page(report), encoding="utf-8")


def measured(engine: str, threads: int, folder: str) -> Taken:
    """What a process took that scores the files once."""
    command = [sys.executable, __file__, "--once", engine, str(threads), folder]
    environment = os.environ | {"RAY_ADDRESS": ""}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: Taken = json.loads(done.stdout.splitlines()[-1])
    print(engine, threads, found, flush=True)
    return found


def once(engine: str, threads: int, folder: str) -> Taken:
    """Score the files, and say what that took."""
    import hashlib
    import resource

    import xent

    began = time.perf_counter()
    if engine == "ray":
        import ray

        ray.init(
            address="local", num_cpus=threads, include_dashboard=False, log_to_driver=False,
            logging_level="ERROR", object_store_memory=1 << 28,
        )  # fmt: skip
    ready = time.perf_counter()
    result = xent.score(folder, engine=engine, threads=threads)  # type: ignore[arg-type]
    wall = time.perf_counter() - ready
    if engine == "ray":
        ray.shutdown()
    used = resource.getrusage(resource.RUSAGE_SELF)
    state = json.loads(result.to_state())["states"][0]["parts"]
    return {
        "start": ready - began,
        "wall": wall,
        "cpu": used.ru_utime + used.ru_stime,
        "mb": peak(used.ru_maxrss),
        "loss": result.loss,
        "state": hashlib.sha256(json.dumps(state, sort_keys=True).encode()).hexdigest(),
    }


def least(several: list[Taken]) -> Taken:
    """The least times, and the most memory."""
    some = several[0]
    return {
        "start": min(run["start"] for run in several),
        "wall": min(run["wall"] for run in several),
        "cpu": min(run["cpu"] for run in several),
        "mb": max(run["mb"] for run in several),
        "loss": some["loss"],
        "state": some["state"],
    }


if __name__ == "__main__":
    main()
