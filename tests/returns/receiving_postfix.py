"""Postfix as a provider: it takes every recipient of its domains, and then cannot deliver.

The next hop refuses, or is not there; its own bounce daemon writes the report, its own client brings it back to the return path.
"""

from tests.bench.peers.private_postfix import PrivatePostfix
from tests.bench.peers.sink import free_port


class ReceivingPostfix(PrivatePostfix):
    """`next_hop`: host:port where recipients are known or not; `returns`: host:port that takes mail for `return_domain`."""

    host = "127.0.0.14"

    def __init__(self, next_hop: str, returns: str, return_domain: str) -> None:
        super().__init__()
        self._next_hop, self._returns, self._return_domain = next_hop, returns, return_domain

    def _own(self) -> dict[str, str]:
        return {
            **super()._own(),
            "myhostname": "mx.postfix.example",
            "relay_domains": "postfix.example, gone.example, full.example",
            "transport_maps": f"inline:{{ {{postfix.example=smtp:{self._hop(self._next_hop)}}}, {{full.example=smtp:{self._hop(self._next_hop)}}},"
            f" {{gone.example=smtp:[127.0.0.1]:{free_port('127.0.0.1')}}}, {{{self._return_domain}=smtp:{self._hop(self._returns)}}} }}",
            "maximal_queue_lifetime": "0",  # tried once; reports have a lifetime of their own
            "minimal_backoff_time": "1s",
            "queue_run_delay": "2s",
            "smtp_tls_security_level": "may",
            "delay_warning_time": "0",
        }

    @staticmethod
    def _hop(address: str) -> str:
        host, _, port = address.rpartition(":")
        return f"[{host}]:{port}"
