"""Neighbours: tenants that share sending IPs, and what keeps one of them from hurting the others.

`standing` decides what a tenant's own figures deserve, `moves` which shared pool its streams belong on, `newcomers` how much a new tenant may send
(all pure); `facts` reads, `act` writes what was decided, `round` makes it every few seconds, `policy` is what operators set. What mail obeys stands
in columns of the tenant's and the stream's own rows, which submission loads anyway.
"""
