"""The panel that a start ends with: where to go, how to get in, what to paste."""

import json
from pathlib import Path

from mailplatform.up.options import Options

_LIVE = """\
This installation is LIVE: it looks real names up and sends to real mail servers on port 25. Mail that you submit reaches people."""


def panel(options: Options, url: str, demo_file: Path, sandbox_url: str, seconds: float, smtp: str = "") -> str:
    rows = [f"Mailplatform is up after {seconds:.1f} s", "", f"Console   {url}/"]
    if smtp and options.live:
        rows.append(f"SMTP      {smtp}   (STARTTLS; an API key is the password)")
    if options.live:
        return _framed([*rows, "", *_LIVE.splitlines(), "", "Ctrl-C stops everything and keeps the data. README.md goes on from here."])
    demo = json.loads(demo_file.read_text())
    rows += [
        f"Login     {demo['operator']['email']}",
        f"Password  {demo['operator']['password']}",
        f"Inbox     {sandbox_url}/   (what arrived in the simulated internet)",
        f"API key   {demo['tenant']['api_key']}",
        f"          (tenant {demo['tenant']['name']}, may send from {demo['tenant']['domain']})",
        "",
        "Send a first message: paste this",
    ]
    ending = ["Ctrl-C stops everything and keeps the data. README.md goes on from here."]
    over_smtp = f"\n\nThe same over SMTP:\n{swaks(smtp, demo['tenant'])}" if smtp else ""
    return _framed(rows) + "\n" + curl(url, demo["tenant"]) + over_smtp + "\n\n" + "\n".join(ending)


def joined_panel(options: Options, url: str, seconds: float) -> str:
    rows = [f"This machine has joined after {seconds:.1f} s", "", f"Console   {url}/   (the same logins as everywhere)", f"Zone      {options.zone}"]
    rows += ["", *_LIVE.splitlines()] if options.live else []
    return _framed([*rows, "", "Ctrl-C takes this machine away and keeps its data. docs/zones.md goes on from here."])


def curl(url: str, tenant: dict[str, str]) -> str:
    """Outside the frame, so that it can be pasted whole."""
    message = {
        "from": f"Hello <hello@{tenant['domain']}>",
        "to": "you@gmail.com",
        "subject": "My first message",
        "text": "It went through the API, a queue and SMTP with TLS to a simulated Gmail.",
    }
    return (
        f"  curl -sS {url}/api/v1/messages \\\n"
        f"    -H 'Authorization: Bearer {tenant['api_key']}' -H 'Content-Type: application/json' \\\n"
        f"    -d '{json.dumps(message)}'"
    )


def swaks(smtp: str, tenant: dict[str, str]) -> str:
    """For swaks, Debian's SMTP client for the command line."""
    return (
        f"  swaks --server {smtp} --tls --auth PLAIN --auth-user {tenant['name']} --auth-password {tenant['api_key']} \\\n"
        f"    --from hello@{tenant['domain']} --to you@gmail.com"
    )


def _framed(rows: list[str]) -> str:
    width = max(len(row) for row in rows)
    return "\n".join([f"╭{'─' * (width + 2)}╮", *(f"│ {row:<{width}} │" for row in rows), f"╰{'─' * (width + 2)}╯"])
