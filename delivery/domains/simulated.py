"""What the simulated internet's DNS says of a sending domain once everything is published: in place of a tenant's own DNS panel, in the sandbox only.

Owns the domains' part of DATA/sandbox/zones.json (the seed writes the whole file at each start). The sandbox reads the file again when it changes.
"""

import json
import os
from pathlib import Path

from django.conf import settings

from delivery.domains.keys import KeyState
from delivery.domains.plan import plan_of
from delivery.domains.records import records_of
from mailplatform.tenants.models import SendingDomain

Zones = dict[str, dict[str, list[str]]]


def published(domain: SendingDomain) -> Zones:
    """Every record that is asked for, as the sandbox's zones file has it. The From domain's own SPF record is left as it is."""
    zones: Zones = {}
    plan = plan_of(domain)
    gone = {key.selector for key in plan.keys if key.state is KeyState.REMOVABLE}
    for record in records_of(plan):
        if not record.ours and record.check != "from_spf" and record.subject not in gone:
            zones.setdefault(record.name, {}).setdefault(record.type, []).append(record.value)
    return zones


def can_publish() -> bool:
    return settings.MAIL_MODE == "sandbox" and zones_file().is_file()


def publish(domain: SendingDomain) -> int:
    """Let the sandbox's DNS say it. Gives how many names. Outside the sandbox: nothing."""
    if not can_publish():
        return 0
    told = published(domain)
    file = zones_file()
    kept: Zones = json.loads(file.read_text("utf-8"))
    part = file.with_suffix(f".{os.getpid()}.part")
    part.touch(mode=0o600)
    part.write_text(json.dumps({**kept, **told}, indent=1, sort_keys=True), "utf-8")
    part.replace(file)
    return len(told)


def zones_file() -> Path:
    return Path(settings.DATA_DIR) / "sandbox" / "zones.json"
