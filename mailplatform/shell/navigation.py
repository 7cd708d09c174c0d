"""The navigation: five groups, filled by the apps.

An app's `console.py` registers its pages when it is imported (by the URL conf). Order is by number, then title; a person sees the
entries that they have the permission for. `count` is a cheap callable for the small number beside an entry.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from mailplatform.shell.permissions import Permission, may


class Group(Enum):
    """The five, with the icon of each."""

    NOW = ("Now", "i-now")
    SENDING = ("Sending", "i-sending")
    RESILIENCE = ("Resilience", "i-resilience")
    TENANTS = ("Tenants", "i-tenants")
    SETTINGS = ("Settings", "i-settings")

    @property
    def title(self) -> str:
        return self.value[0]

    @property
    def icon(self) -> str:
        return self.value[1]


@dataclass(frozen=True, slots=True)
class Count:
    """The number beside an entry: `3 IPs`, or with a state's mark `1 open`."""

    number: int
    noun: str
    state: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    group: Group
    title: str
    url_name: str
    permission: Permission
    order: int
    count: Callable[[], Count | None] | None


@dataclass(frozen=True, slots=True)
class Shown:
    """An entry as one person sees it on one page."""

    title: str
    url: str
    current: bool
    count: Count | None


@dataclass(frozen=True, slots=True)
class ShownGroup:
    title: str
    icon: str
    entries: tuple[Shown, ...]

    @property
    def current(self) -> bool:
        return any(entry.current for entry in self.entries)

    @property
    def url(self) -> str:
        return self.entries[0].url


_entries: dict[str, Entry] = {}
_search: list[str] = []


def register(
    group: Group, title: str, url_name: str, permission: Permission, order: int = 50, count: Callable[[], Count | None] | None = None
) -> None:
    """Put a page into the navigation; registering a URL name again replaces it."""
    _entries[url_name] = Entry(group, title, url_name, permission, order, count)


def register_search(url_name: str) -> None:
    """Which view the search field at the top asks (`?q=`)."""
    _search[:] = [url_name]


def entries() -> Iterator[Entry]:
    yield from sorted(_entries.values(), key=lambda entry: (list(Group).index(entry.group), entry.order, entry.title))


def groups_for(request: HttpRequest) -> list[ShownGroup]:
    """The groups that this person sees, without the empty ones."""
    here = getattr(request, "nav_under", "") or (request.resolver_match.view_name if request.resolver_match else "")
    mine = [entry for entry in entries() if may(request.user, entry.permission)]
    shown = [(group, tuple(_show(entry, here) for entry in mine if entry.group is group)) for group in Group]
    return [ShownGroup(group.title, group.icon, list_) for group, list_ in shown if list_]


def search_url() -> str:
    return reverse(_search[0]) if _search else ""


def home_url() -> str:
    """Where the name of the platform leads."""
    try:
        return reverse("overview")
    except NoReverseMatch:
        return "/"


def _show(entry: Entry, here: str) -> Shown:
    return Shown(entry.title, reverse(entry.url_name), entry.url_name == here, entry.count() if entry.count else None)
