"""How many tests failed in the run before: prints the number, and exits with 0 if they are so few that a second go, alone, means something.

Usage: failed_once.py FOLDER, pytest's cache.
"""

import json
import sys
from pathlib import Path

A_HANDFUL = 3


def main(cache: Path) -> int:
    try:
        failed = len(json.loads((cache / "v/cache/lastfailed").read_text()))
    except (OSError, ValueError):
        return 1  # nothing was kept: whatever happened was no test's failure
    print(failed)
    return not 0 < failed <= A_HANDFUL


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
