"""The sandbox: a simulated internet on loopback.

Its own process: a DNS server, mail servers that behave like the big mailbox providers and like small ones, and an inbox page.
It imports nothing of the platform and reads none of its rules, so that it judges the platform instead of agreeing with it.
Everything here is simulated; no text or limit binds a real provider. `python -m mailplatform.sandbox --help` starts it,
`world.World` is the same for tests.
"""
