"""Telling: channels by which people hear of incidents, whoever else is down: mail by a route of its own, webhooks, chat, pager.

`decide` (pure) and `plan` say who is told, `send` tells by `senders`, `outage` without a database; `heartbeat` says outside that monitoring works;
`asked` is what people ask for.
"""
