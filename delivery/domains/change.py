"""What a person or a program may change of a domain: its return path, and how often it gets new keys."""

from dataclasses import dataclass

from mailplatform.shell.clock import now
from mailplatform.tenants.models import SendingDomain


@dataclass(frozen=True, slots=True)
class Change:
    """None: leave it. An empty return path: the platform's."""

    return_path: str | None = None
    rotate_days: int | None = None


def change(domain: SendingDomain, wanted: Change) -> str:
    """Make it so; a sentence that says what changed, empty when nothing did. A return path is used once it was seen right."""
    fields: dict[str, object] = {}
    told = []
    if wanted.return_path is not None and wanted.return_path != domain.return_path_host:
        fields |= {"return_path_host": wanted.return_path, "return_path_seen_at": None, "next_check_at": now()}
        told.append(f"The return path of {domain} is {wanted.return_path or 'the platform’s'}" + (" as soon as it is right." if wanted.return_path else "."))
    if wanted.rotate_days is not None and wanted.rotate_days != domain.rotate_days:
        fields["rotate_days"] = wanted.rotate_days
        told.append(f"New keys of {domain} are made {f'every {wanted.rotate_days} days' if wanted.rotate_days else 'by hand only'}.")
    if fields:
        SendingDomain.objects.filter(pk=domain.pk).update(**fields)
    return " ".join(told)
