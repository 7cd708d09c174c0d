"""How people get in: accounts are made by administrators, nobody signs up."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class NoSignup(DefaultAccountAdapter):
    """Sign-in, password change and second factor; no registration."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
