"""The ways in that exist: sign in, sign out, second factor, change of password. allauth's others (sign-up, email addresses, reset by email) do not.

A forgotten password is an administrator's to set anew (People); a reset link by mail would make the platform's own mail a way in.
"""

from allauth.account import views as account
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import include, path

from mailplatform.shell.pages import open_to_all


@open_to_all("it only says that nobody signs up here")
def signup_closed(request: HttpRequest) -> HttpResponse:
    return render(request, "account/signup_closed.html", status=403)


urlpatterns = [
    path("login/", account.login, name="account_login"),
    path("logout/", account.logout, name="account_logout"),
    path("inactive/", account.account_inactive, name="account_inactive"),
    path("reauthenticate/", account.reauthenticate, name="account_reauthenticate"),
    path("password/change/", account.password_change, name="account_change_password"),
    path("signup/", signup_closed, name="account_signup"),
    path("2fa/", include("allauth.mfa.urls")),
]
