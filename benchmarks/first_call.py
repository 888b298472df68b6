"""Time of the first `argen demo` on a machine, which compiles the kernels, and of the second.

    python benchmarks/first_call.py                                  # this version
    python benchmarks/first_call.py --versions . ../argen-older      # folders that hold src, in turn
    python benchmarks/first_call.py --repeats 3 --everything         # also `argen compile` into an empty folder

Every first call has an empty NUMBA_CACHE_DIR. Prints wall time, processor time of all processes (user and system), both
also as multiples of the import of scanpy in the same round; the least of each over the rounds.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
YARDSTICK = "import scanpy"
Times = tuple[float, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--versions", nargs="+", type=Path, default=[REPOSITORY], metavar="DIR")
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--everything", action="store_true", help="also time `argen compile`")
    arguments = parser.parse_args()
    rounds: dict[tuple[str, str], list[Times]] = {}
    for _ in range(arguments.repeats):
        for folder in arguments.versions:
            for case, times in measure(folder.resolve(), everything=arguments.everything):
                rounds.setdefault((folder.resolve().name, case), []).append(times)
    print_table(rounds)


def measure(folder: Path, *, everything: bool) -> Iterator[tuple[str, Times]]:
    with tempfile.TemporaryDirectory() as scratch:
        environment = os.environ | {"PYTHONPATH": str(folder / "src"), "NUMBA_CACHE_DIR": f"{scratch}/kernels"}
        python = [sys.executable, "-W", "ignore"]
        demo = [*python, "-m", "argen", "demo", "--quiet", "--out", f"{scratch}/demo"]
        yield YARDSTICK, timed([*python, "-c", YARDSTICK], environment)
        yield "first demo", timed(demo, environment)
        yield "second demo", timed(demo, environment)
        if everything:
            environment["NUMBA_CACHE_DIR"] = f"{scratch}/everything"
            yield "argen compile", timed([*python, "-m", "argen", "compile", "--quiet"], environment)


def timed(command: list[str], environment: dict[str, str]) -> Times:
    """Wall and processor seconds of a command with all its processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def print_table(rounds: dict[tuple[str, str], list[Times]]) -> None:
    print("| version | case | wall (s) | processor (s) | wall¹ | processor¹ |\n|---|---|---:|---:|---:|---:|")
    for (version, case), times in rounds.items():
        wall, processor = (min(values) for values in zip(*times, strict=True))
        unit_wall, unit_processor = (min(values) for values in zip(*rounds[version, YARDSTICK], strict=True))
        ratios = f"{wall / unit_wall:.1f} | {processor / unit_processor:.1f}"
        print(f"| {version} | {case} | {wall:.1f} | {processor:.1f} | {ratios} |")


if __name__ == "__main__":
    main()
