"""Suppressions: lists of addresses that a tenant must not mail; adding, finding, removing, importing, exporting.

`lists` finds and removes, `waiting` ends what waits in the queue for an address, `recognise`, `rows` and `text` read files of others, `intake` stores a
file in parts, `job` takes them in, `export` writes them out. Who is on the list when mail is submitted is admission's question (delivery.submit).
"""
