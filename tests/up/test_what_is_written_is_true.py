"""Documents and lock files against the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LOCKS = ("requirements.lock", "requirements-hosted-dns.lock", "requirements-dev.lock")
SETTINGS = (ROOT / "mailplatform" / "settings.py").read_text()
_NAME = re.compile(r"\benv(?:\.\w+)?\(\s*\"([A-Z_]+)\"")
_DEFAULT = re.compile(r"\benv(?:\.\w+)?\(\"([A-Z_]+)\", default=(\"[^\"]*\"|\d+|True|False)\)")
NAMES = sorted(set(_NAME.findall(SETTINGS)))


def documented() -> dict[str, str]:
    """Setting to the default that docs/configuration.md says it has."""
    rows = re.findall(r"^\| `([A-Z_]+)` \| ([^|]*) \|", (ROOT / "docs" / "configuration.md").read_text(), re.MULTILINE)
    return {name: default.strip().strip("`") for name, default in rows}


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_is_documented_and_in_the_example(name: str) -> None:
    assert name in documented()
    assert re.search(rf"^# {name}=", (ROOT / ".env.example").read_text(), re.MULTILINE)


@pytest.mark.parametrize(("name", "default"), _DEFAULT.findall(SETTINGS))
def test_every_default_is_documented_as_it_is(name: str, default: str) -> None:
    said = documented()[name]
    assert ("" if said == "empty" else said.lower()) == default.strip('"').lower()


def test_nothing_is_documented_that_is_not_there() -> None:
    assert set(documented()) == set(NAMES)


def test_the_locks_agree_and_every_package_has_hashes() -> None:
    run, hosted, dev = (pins(ROOT / name) for name in LOCKS)
    assert run.items() <= hosted.items() <= dev.items(), "one environment serves all"


def pins(lock: Path) -> dict[str, str]:
    entries = re.split(r"^(?=[a-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)
    return dict(re.match(r"([A-Za-z0-9._-]+)==(\S+)", entry).groups() for entry in entries)  # type: ignore[union-attr,misc]


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi.org", "files.pythonhosted.org", "registry.npmjs.org")
    for name in (*LOCKS, "pyproject.toml"):
        text = (ROOT / name).read_text()
        assert not [host for host in hosts if host in text]
