"""Private files: what a power cut or a kill leaves whole, and nobody but this user reads."""

import os
from pathlib import Path


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and readable for this user alone from its first moment on."""
    beside = file.with_name(file.name + ".new")
    beside.unlink(missing_ok=True)
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    beside.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)  # the new name has to last too
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
