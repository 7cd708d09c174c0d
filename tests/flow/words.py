"""Names nobody else uses: a domain or local part of this test alone, so that what one test teaches a server no other one meets."""

import secrets


def fresh(name: str = "d") -> str:
    """`d1f3a9c07`: a label that is new in this run."""
    return name + secrets.token_hex(4)


def small_domain() -> str:
    """A domain with a small server of its own."""
    return f"{fresh()}.postfix.test"
