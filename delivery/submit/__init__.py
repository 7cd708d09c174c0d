"""Submission: from what a tenant sent to rows in the queue.

In the order of the way: parse (what was meant), admit (whether it may), compose (the MIME message), store (rows, one commit).
`accept` runs them; `idempotency` keeps a repeated request from going twice. Every stage takes and returns frozen values.
"""
