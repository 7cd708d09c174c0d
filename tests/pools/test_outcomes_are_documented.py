"""docs/outcomes.md has every reason with its fault and remedy, as the code has them."""

import re
from pathlib import Path

from pools.outcomes import MEANING, Reason

PAGE = Path(__file__).parents[2] / "docs" / "outcomes.md"


def table() -> str:
    """The page's table of reasons, as it must be: one row for reasons of a family with the same meaning."""
    rows: dict[tuple[str, str, str], list[str]] = {}
    for reason in Reason:
        fault, remedy = MEANING[reason]
        rows.setdefault((reason.partition(".")[0], fault, remedy.replace("_", " ")), []).append(f"`{reason}`")
    lines = [f"| {', '.join(names)} | {fault} | {remedy} |" for (_, fault, remedy), names in rows.items()]
    return "\n".join(["| reason | fault | what would help |", "|---|---|---|", *lines])


def test_the_page_has_the_table_that_the_code_has() -> None:
    assert table() in PAGE.read_text(encoding="utf-8")


def test_every_reason_on_the_page_is_one() -> None:
    named = re.findall(r"`([a-z_0-9]+\.[a-z_0-9]+)`", PAGE.read_text(encoding="utf-8"))
    families = {reason.partition(".")[0] for reason in Reason}
    assert {name for name in named if name.partition(".")[0] in families} <= {str(reason) for reason in Reason}
