"""What bin/check looks at: style, types, layers, migrations, the OpenAPI page. No database, no network; under a minute.

All of them run, two at a time; what failed is shown whole. Settings are throw-away ones: nothing of an installation is read.
"""

import base64
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
PACKAGES = ("mailplatform", "pools", "delivery", "warming", "monitoring")

# The admin's pages are looked at too: urls.py finds them.
CHECK = "import django; django.setup(); import mailplatform.urls; from django.core.management import call_command; call_command('check')"
CHECKS = {
    "types (mypy)": [BIN / "mypy", *PACKAGES],
    "style (ruff)": [BIN / "ruff", "check", "."],
    "layers (import-linter)": [BIN / "lint-imports"],
    "migrations complete": [BIN / "python", "manage.py", "makemigrations", "--check", "--dry-run"],
    "Django's own checks": [BIN / "python", "-c", CHECK],
    "OpenAPI valid": [BIN / "python", "manage.py", "spectacular", "--validate", "--fail-on-warn", "--file", os.devnull],
}


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="mp-check-") as data:
        environment = throwaway_settings(data)
        with ThreadPoolExecutor(2) as pool:
            passed = list(pool.map(lambda item: run(*item, environment), CHECKS.items()))
    return 0 if all(passed) else 1


def throwaway_settings(data: str) -> dict[str, str]:
    return {
        **os.environ,
        "SECRET_KEY": base64.b64encode(os.urandom(40)).decode(),
        "ENCRYPTION_KEYS": base64.urlsafe_b64encode(os.urandom(32)).decode(),
        "DATABASE_URL": f"postgresql://nobody@/none?host={data}",
        "DATA_DIR": data,
        "DJANGO_SETTINGS_MODULE": "mailplatform.settings",
        # Whether applied migrations are consistent needs a database; whether they are complete does not.
        "PYTHONWARNINGS": "ignore:Got an error checking a consistent migration history:RuntimeWarning",
    }


def run(name: str, command: list[Path | str], environment: dict[str, str]) -> bool:
    began = time.monotonic()
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{verdict:>6}  {name} ({time.monotonic() - began:.1f} s)" + ("" if done.returncode == 0 else f"\n{done.stdout.rstrip()}"), flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
