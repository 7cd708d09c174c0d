"""Benchmarks: `bin/bench NAME [--short] [--json FILE]` runs NAME.py here, whose `run(short: bool) -> dict[str, float]` returns figures."""
