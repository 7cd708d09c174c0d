"""The way to PostgreSQL: the one place that knows how a connection is opened, watched and opened again.

`address` reads DATABASE_URL, however many servers it names; `connect` opens connections (for Django `base` does); `watched` ends a wait for a server that has
vanished; `away` says which errors mean "come back later"; `patience` waits, within bounds; `incarnation` tells one life of a server from the next.
As a package it is also the ENGINE of settings.DATABASES.
"""
