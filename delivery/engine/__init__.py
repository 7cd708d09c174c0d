"""The engine: an asyncio program that takes deliveries from the queue and brings them to their providers.

It runs as a django-q2 task on a node, owns some of that node's sending IPs, and consists of loops that share one `Engine`:
claim, sessions (one coroutine a connection), record, sort, promote. A thread of its own renews the lease.
It holds no truth: whatever it has in memory can be lost at any moment, and the journal and the database put it right.
"""
