"""`bin/manage`: manage.py with the settings of the installation in DATA_DIR (default var/), as its last bin/up left them."""

import os
import sys

import environ

from mailplatform.up.installation import Installation, read_lines
from mailplatform.up.options import ROOT, Refused, data_folder


def main() -> None:
    environ.Env.read_env(ROOT / ".env")
    installation = Installation(data_folder().absolute())
    try:
        left = installation.data / "environment.env"
        values = read_lines(left) if left.exists() else _before_the_first_start(installation)
        for name, value in {**values, **installation.secrets()}.items():
            os.environ.setdefault(name, value)
    except OSError as error:
        sys.exit(f"{error.filename} cannot be read ({error.strerror}): use bin/manage as the user who started bin/up.")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")

    from django.core.management import execute_from_command_line
    from django.db import OperationalError

    try:
        execute_from_command_line(["bin/manage", *sys.argv[1:]])
    except OperationalError as error:
        sys.exit(f"The database does not answer ({str(error).strip().splitlines()[0]}): start bin/up first, in another terminal.")


def _before_the_first_start(installation: Installation) -> dict[str, str]:
    """Enough for commands that need no database."""
    from mailplatform.up.postgres import EmbeddedPostgres

    installation.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {"DATABASE_URL": EmbeddedPostgres(installation.data).url, "DATA_DIR": str(installation.data)}


if __name__ == "__main__":
    try:
        main()
    except Refused as refused:
        sys.exit(str(refused))
