"""Door: one endpoint as a vantage point knows it. A value: what is asked, where."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Door:
    endpoint_id: int
    name: str
    kind: str
    host: str
    port: int
    tls: str = "none"
    tls_name: str = ""
    asked: str = ""
