"""`bin/bench`: finds a benchmark by name, runs it, shows its figures, writes them as JSON where asked."""

import argparse
import importlib
import signal
import sys
from pathlib import Path

from tests.bench.report import as_text, write

HERE = Path(__file__).parent
NOT_BENCHMARKS = {"__init__", "__main__", "report"}


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in NOT_BENCHMARKS and not file.stem.startswith(("_", "test_")))


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/bench", description="Run a benchmark on data and ports of its own.")
    parser.add_argument("name", nargs="?", help=f"one of: {', '.join(names()) or 'none yet'}")
    parser.add_argument("--short", action="store_true", help="a short form: the same figures, less exact")
    parser.add_argument("--json", type=Path, metavar="FILE", help='write {"bench", "machine", "figures"} there')
    parser.add_argument("--seed", type=int, help="where a benchmark's random numbers begin (reputation)")
    parser.add_argument("--truth", type=Path, metavar="FILE", help="another hidden world (reputation)")
    given = parser.parse_args()
    if given.name is None:
        print("\n".join(names()) or "There are no benchmarks yet.")
        return 0
    if given.name not in names():
        print(f"There is no benchmark {given.name}: choose one of {', '.join(names()) or 'none yet'}.", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a benchmark that is told to stop stops what it started
    asked = {name: value for name in ("seed", "truth") if (value := getattr(given, name)) is not None}
    figures = importlib.import_module(f"tests.bench.{given.name}").run(given.short, **asked)
    print(as_text(figures))
    if given.json:
        write(given.json, given.name, figures)
    return 0


if __name__ == "__main__":
    sys.exit(main())
