"""Which of the platform's machines this is: `bin/up` writes the number into the data folder, beside a row of monitoring_machine."""

from pathlib import Path

from django.conf import settings


def machine_number() -> str:
    """Empty where bin/up did not start us."""
    try:
        return (Path(settings.DATA_DIR) / "machine").read_text().strip()
    except OSError:
        return ""
