"""Webhooks: what befalls a tenant's mail, told to the tenant's own HTTPS endpoints.

`kinds` what can be told, `wishes` who wants what, `outbox` writes it down with what happened, `claim` and `finish` hand it to the sender and
take back what came of it, `sender` is the process, `payload` and `signature` make the request, `retry` says when again, `endpoints` and
`replay` are what tenants and operators change, `log` what they read.
"""
