"""`manage.py route set|list|remove`: static routes, like transport maps.

    manage.py route set '*' 127.0.0.1:2525 --tls none
    manage.py route set example.com relay.example.net:587 --tls verified --username relay --password-stdin

Every change is audited. A password comes on standard input only: arguments can be seen by every process of the machine.
"""

import getpass
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from mailplatform.shell.audit import record
from mailplatform.shell.secrets import encrypt
from pools.models import StaticRoute
from pools.route_rows import problem_with_match
from pools.routes import problem_with


class Command(BaseCommand):
    help = "Static routes: where mail for a domain, a provider (provider:KEY) or everything ('*') goes instead of to its MX."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        put = verbs.add_parser("set", help="make or change a route")
        put.add_argument("match", metavar="MATCH", help="a domain, provider:KEY, or '*' for everything")
        put.add_argument("to", metavar="HOST:PORT")
        put.add_argument("--tls", required=True, choices=["none", "required", "verified"])
        put.add_argument("--username", default="")
        put.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
        put.add_argument("--note", default="")
        verbs.add_parser("list", help="show the routes")
        remove = verbs.add_parser("remove", help="remove a route")
        remove.add_argument("match", metavar="MATCH")

    def handle(self, *args: Any, **options: Any) -> None:
        {"set": self._set, "list": self._list, "remove": self._remove}[options["verb"]](options)

    def _set(self, options: dict[str, Any]) -> None:
        match, username = options["match"].strip().lower(), options["username"]
        host, port = _host_and_port(options["to"])
        if problem := problem_with(match, host, port, options["tls"], username) or problem_with_match(match):
            raise CommandError(problem)
        if bool(username) != options["password_stdin"]:
            raise CommandError("A route has --username and --password-stdin together, or neither.")
        password = encrypt(_read_password().encode()) if options["password_stdin"] else b""
        values = {"host": host, "port": port, "tls": options["tls"], "username": username, "password_encrypted": password, "note": options["note"]}
        with transaction.atomic():
            route, made = StaticRoute.objects.update_or_create(match=match, defaults=values)
            sentence = f"{'Set' if made else 'Changed'} the route of {match} to {host}:{port}, TLS {route.tls}."
            record(_who(), "route set", route, sentence)
        self.stdout.write(sentence)

    def _list(self, options: dict[str, Any]) -> None:
        routes = list(StaticRoute.objects.all())
        for route in routes:
            login = f"  as {route.username}" if route.username else ""
            self.stdout.write(f"{route.match}  →  {_joined(route.host, route.port)}  TLS {route.tls}{login}{'  ' + route.note if route.note else ''}")
        if not routes:
            self.stdout.write("No routes: mail goes to each domain's MX.")

    def _remove(self, options: dict[str, Any]) -> None:
        match = options["match"].strip().lower()
        with transaction.atomic():
            deleted, _ = StaticRoute.objects.filter(match=match).delete()
            if not deleted:
                raise CommandError(f"There is no route for {match}; 'route list' shows all.")
            record(_who(), "route removed", f"route {match}", f"Removed the route of {match}: its mail goes to its MX again.")
        self.stdout.write(f"Removed the route of {match}.")


def _who() -> str:
    try:
        return f"command line ({getpass.getuser()})"
    except (OSError, KeyError):  # a user without a name, as in some containers
        return "command line"


def _host_and_port(to: str) -> tuple[str, int]:
    host, colon, port = to.strip().rpartition(":")
    if not colon or not port.isascii() or not port.isdigit():
        raise CommandError(f"'{to}' is not HOST:PORT.")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _read_password() -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("Standard input held no password.")
    return password
