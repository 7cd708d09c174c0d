"""Bring the database and the static files to this version: a process of its own that ends when all is ready.

`python -m mailplatform.up.prepare`, settings by environment. Prints a line for each step that takes time, writes
DATA/topology.json for the supervisor. Running it again changes nothing.
"""

import hashlib
import importlib.util
import io
import json
import os
import sys
from pathlib import Path

import django
from django.core.management import call_command


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
    django.setup()
    from django.conf import settings

    from mailplatform.up import history, schedules, seed, warming_demo
    from warming.start import first_policy

    data = Path(settings.DATA_DIR)
    migrate()
    collect_static(data / "static.made-from")
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
    (data / "topology.json").write_text(json.dumps(topology()))


def migrate() -> None:
    from django.db import DEFAULT_DB_ALIAS, connections
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connections[DEFAULT_DB_ALIAS])
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        say(f"Making {len(plan)} changes to the database …")
        call_command("migrate", interactive=False, verbosity=0)


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


def topology() -> dict[str, list[object]]:
    from pools.models import Node, Zone

    return {
        "nodes": [[node.name, node.zone.name] for node in Node.objects.select_related("zone")],
        "zones": list(Zone.objects.values_list("name", flat=True)),
    }


def say(sentence: str) -> None:
    print(sentence, flush=True)


if __name__ == "__main__":
    if importlib.util.find_spec("mailplatform.settings") is None:
        sys.exit("Start it from the checkout's folder.")
    main()
