"""Make .venv from a lock file: `environment.py LOCK`. Standard library only, any Python from 3.11 on.

Owns: .venv. Promises: nothing is installed that the lock does not name with its hash; a start after the first needs neither
pip nor a network (the lock's own hash is remembered in .venv). Fails with one sentence that says what to do.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"


def main(lock: Path) -> None:
    if is_made(lock):
        return
    if not runs():
        make()
    install(lock)
    remember(lock)


def stamp(lock: Path) -> Path:
    return VENV / "made-from" / lock.name


def fingerprint(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def is_made(lock: Path) -> bool:
    """Whether the environment was made from exactly this lock, and its Python is still there."""
    try:
        return PYTHON.exists() and stamp(lock).read_text() == fingerprint(lock)
    except OSError:
        return False


def runs() -> bool:
    """Whether there is an environment at all: its Python may have gone with an upgrade of the system."""
    try:
        return subprocess.run([PYTHON, "-m", "pip", "--version"], capture_output=True).returncode == 0
    except OSError:
        return False


def make() -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        import ensurepip  # noqa: F401  Debian ships `venv` without it until python3-venv is there
        import venv
    except ImportError:
        fail(f"Python {version} has no venv module here: install it (on Debian: apt install python{version}-venv) and try again.")
    say(f"Making .venv with Python {version} …")
    try:
        shutil.rmtree(VENV, ignore_errors=True)
        venv.create(VENV, with_pip=True, symlinks=True)
    except OSError as error:
        fail(f"{ROOT} cannot be written to ({error.strerror or error}): clone into a folder of your own and try again.")
    except subprocess.CalledProcessError:
        fail(f"Python {version} could not make an environment with pip: install it (on Debian: apt install python{version}-venv) and try again.")


def install(lock: Path) -> None:
    """pip, with its many lines told as a count."""
    names = re.findall(r"^([A-Za-z0-9._-]+)==", lock.read_text(), re.MULTILINE)
    command = [PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes", "-r", lock]
    heard: list[str] = []
    seen = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", cwd=ROOT) as pip:
        assert pip.stdout
        for line in pip.stdout:
            heard.append(line.rstrip())
            if line.startswith(("Collecting ", "Requirement already satisfied: ")):
                seen += 1
                name = re.split(r"[=\s;]", line.removeprefix("Collecting ").removeprefix("Requirement already satisfied: "))[0]
                show(f"Fetching {min(seen, len(names))} of {len(names)}: {name}", worth_a_line=seen % 10 == 1)
            elif line.startswith("Installing collected packages"):
                show(f"Installing {len(names)} packages …")
    if sys.stdout.isatty():
        print()
    if pip.returncode:
        print("\n".join(heard[-12:]), file=sys.stderr)
        fail(f"pip could not install {lock.name}: see its last lines above, check the network and the disk, and try again.")


def remember(lock: Path) -> None:
    """Written last: an interrupted install is taken up again by the next start."""
    stamp(lock).parent.mkdir(exist_ok=True)
    stamp(lock).write_text(fingerprint(lock))


def show(sentence: str, worth_a_line: bool = True) -> None:
    """Progress: one line that changes on a terminal, now and then a line elsewhere."""
    if sys.stdout.isatty():
        width = shutil.get_terminal_size().columns - 1
        print(f"\r{sentence[:width]:<{width}}", end="", flush=True)
    elif worth_a_line:
        say(sentence)


def say(sentence: str) -> None:
    print(sentence, flush=True)


def fail(sentence: str) -> None:
    print(sentence, file=sys.stderr)
    sys.exit(1)


if __name__ == "__main__":
    try:
        main(ROOT / sys.argv[1])
    except PermissionError as error:
        fail(f"{error.filename or ROOT} cannot be written to: clone into a folder of your own and try again.")
    except OSError as error:
        fail(f"{os.strerror(error.errno or 0)} while making .venv: free some space or clone elsewhere, and try again.")
    except KeyboardInterrupt:
        fail("Stopped while installing: start it again to go on.")
