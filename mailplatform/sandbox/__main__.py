"""`python -m mailplatform.sandbox`: the simulated internet as a process."""

import argparse
import asyncio
import logging
import signal
import sys
from pathlib import Path

from .loop import new_loop
from .world import World


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m mailplatform.sandbox", description="A simulated internet on loopback: DNS, mail servers, inbox page.")
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="folder for the CA, the record of accepted mail and ports.json")
    parser.add_argument("--dns", default="127.0.0.1:0", metavar="HOST:PORT", help="DNS server, UDP and TCP (port 0: any free one)")
    parser.add_argument("--smtp-port", type=int, default=0, metavar="N", help="port of every mail host at 127.20.x.y (0: any free one)")
    parser.add_argument("--http", default="127.0.0.1:0", metavar="HOST:PORT", help="inbox page and JSON API")
    parser.add_argument("--https-port", type=int, default=0, metavar="N", help="port of the MTA-STS policies at 127.20.0.3 (0: any free one)")
    parser.add_argument("--returns-port", type=int, default=0, metavar="N", help="where senders' mail hosts take bounces and complaints (0: none go)")
    parser.add_argument("--feedback", default="", metavar="ADDRESS", help="where complaints go (default: fbl@ the return path's domain)")
    parser.add_argument("--zones", type=Path, metavar="FILE", help="more DNS records as JSON, read again when the file changes")
    parser.add_argument("--fronts", default="", metavar="HOST:PORT", help="web server behind the front doors at 127.30.1.1 and 127.30.2.1, at the inbox's port")
    return parser.parse_args()


async def _run(arguments: argparse.Namespace) -> None:
    ports = (arguments.dns, arguments.smtp_port, arguments.http, arguments.zones, arguments.https_port, arguments.returns_port)
    world = World(arguments.data, *ports, arguments.feedback, arguments.fronts)
    await world.start()
    print(f"sandbox: inbox {world.url}, DNS {world.resolver}, SMTP port {world.smtp_port}, CA {world.ca_file}", flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    await ended.wait()
    await world.stop()


def main() -> int:
    """Run until SIGINT or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    arguments = _arguments()
    try:
        with asyncio.Runner(loop_factory=new_loop) as runner:
            runner.run(_run(arguments))
    except OSError as error:
        print(f"The sandbox cannot start: {error}. Is another one running on these ports?", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
