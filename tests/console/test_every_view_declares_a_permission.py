"""Walk the URL conf: whoever adds a view says who may see it."""

import pytest
from django.test import Client

from mailplatform.shell.permissions import GRANTS, Permission
from mailplatform.tenants.models import User
from tests.console.visits import pages, patterns
from tests.console.world import World

# Other people's views that ask for themselves: the admin (staff and model permissions), allauth (signed in, or the way in).
THEIRS = ("django.contrib.admin", "unfold", "allauth.")


def _declares(callback: object) -> bool:
    if hasattr(callback, "declared_permission"):
        return True
    view = getattr(callback, "cls", None) or getattr(callback, "view_class", None)
    if view is not None and hasattr(view, "permission_classes"):
        return "permission_classes" in {name for base in view.__mro__[:-1] if not base.__module__.startswith("rest_framework") for name in vars(base)}
    return getattr(callback, "__module__", "").startswith(THEIRS) or _of_admin(callback)


def _of_admin(callback: object) -> bool:
    return hasattr(callback, "admin_site") or hasattr(callback, "model_admin")


def test_every_view_declares_a_permission() -> None:
    silent = [route for route, pattern in patterns() if not route.startswith("admin/") and not _declares(pattern.callback)]
    assert silent == []


def test_a_view_without_a_permission_would_be_found() -> None:
    assert not _declares(lambda request: None)


def test_roles_are_the_users_roles() -> None:
    assert set(GRANTS) == set(User.Role.values)


def test_a_viewer_changes_nothing() -> None:
    assert GRANTS["viewer"] == {Permission.ACCOUNT, Permission.MAIL, Permission.SEE}


@pytest.mark.django_db
def test_strangers_see_nothing(world: World) -> None:
    stranger = Client()
    for url in pages(world):
        response = stranger.get(url)
        if url == "/no-such-page/":
            assert response.status_code == 404
        else:
            assert response.status_code == 302, url
            assert response["Location"].startswith("/accounts/login/") or url.startswith("/accounts/logout/"), url
