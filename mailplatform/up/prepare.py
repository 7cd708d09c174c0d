"""Bring the database and the static files to this version: a process of its own that ends when all is ready.

`python -m mailplatform.up.prepare [--zone NAME] [--node NAME] [--join]`, settings by environment. Prints a line for each step that takes time, writes
DATA/topology.json for the supervisor. Running it again changes nothing. With --join it changes nothing of the database but who runs which node: another
machine brings it along. Exits with REFUSED and one sentence where it must not start.
"""

import argparse
import hashlib
import importlib.util
import io
import json
import multiprocessing
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import django
from django.core.management import call_command

from mailplatform.up.options import REFUSED, Refused


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--zone", default="")
    parser.add_argument("--node", default="")
    parser.add_argument("--join", action="store_true")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
    django.setup()
    from django.conf import settings

    from mailplatform.up import doors
    from mailplatform.up.machine import Asked, nodes_of, number_of

    data = Path(settings.DATA_DIR)
    with static_files_beside(data / "static.made-from"):
        if asked.join:
            is_of_this_version()
        else:
            bring_along(data)
        nodes = nodes_of(Asked(number_of(data), asked.zone, asked.node, asked.join))
        (data / "topology.json").write_text(json.dumps(topology(nodes)))
        doors.keep(data, asked.zone)


def bring_along(data: Path) -> None:
    """The database to this version, with all that a platform begins with."""
    from django.conf import settings

    from mailplatform.up import history, schedules, seed, warming_demo
    from warming.start import first_policy

    migrate()
    call_command("load_catalogue", verbosity=0, stdout=io.StringIO())
    call_command("load_warmup_plans", verbosity=0, stdout=io.StringIO())
    if settings.MAIL_MODE == "live":
        first_policy()  # the first address of a new installation warms
    seed.everything(data)
    first_policy()  # those of the demo world are warm
    if os.environ.get("DEMO_TRAFFIC") == "yes":
        warming_demo.make_warming_demo(data)
    schedules.register()
    history.make_history()


def is_of_this_version() -> None:
    """A machine that joins runs the same version as the database; Refused."""
    from django.db import DEFAULT_DB_ALIAS, connections
    from django.db.migrations.executor import MigrationExecutor

    from mailplatform.shell.database.changes import unknown

    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        raise Refused(
            f"This checkout is newer than the platform: the database lacks {len(missing)} of its changes (the first is {missing[0][0]}). "
            "Start the platform's other machine with this version first: it brings the database along."
        )
    if surplus := unknown():
        raise Refused(f"This checkout is older than the platform: the database has {len(surplus)} changes that it does not know. Update it, then join.")


def migrate() -> None:
    """The database to this version's tables; Refused where another version made it."""
    from django.db import DEFAULT_DB_ALIAS, connections
    from django.db.migrations.executor import MigrationExecutor

    from mailplatform.shell.database.changes import another_version

    if refusal := another_version():
        raise Refused(refusal)
    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"Making {len(plan)} changes to the database …")
        call_command("migrate", interactive=False, verbosity=0)


@contextmanager
def static_files_beside(stamp: Path) -> Iterator[None]:
    """They are gathered in a process of their own meanwhile: on a first start as long as the database takes. Forked before anything is connected."""
    gathering = multiprocessing.get_context("fork").Process(target=collect_static, args=[stamp])
    gathering.start()
    try:
        yield
    except BaseException:
        gathering.terminate()
        raise
    finally:
        gathering.join()
    if gathering.exitcode:
        raise RuntimeError("the static files could not be gathered")


def collect_static(stamp: Path) -> None:
    """Gather and compress the static files where one of them has changed."""
    wanted = static_fingerprint()
    if stamp.exists() and stamp.read_text() == wanted:
        return
    say("Gathering static files …")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(wanted)


def static_fingerprint() -> str:
    """Names, sizes and times of all static files: reading the files themselves would take longer than the rest of a start."""
    from django.contrib.staticfiles.finders import get_finders

    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list(None):
            stat = Path(storage.path(path)).stat()
            seen.update(f"{path}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return seen.hexdigest()


def topology(nodes: list[tuple[str, str]]) -> dict[str, list[object]]:
    """This machine's nodes, and all zones."""
    from pools.models import Zone

    return {"nodes": [list(node) for node in nodes], "zones": list(Zone.objects.values_list("name", flat=True))}


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    if importlib.util.find_spec("mailplatform.settings") is None:
        sys.exit("Start it from the checkout's folder.")
    try:
        main(sys.argv[1:])
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(REFUSED)
