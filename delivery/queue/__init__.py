"""The queue: which table a row is in is its state.

ready    what can be claimed now, and nothing else
waiting  what is due later, and why
claimed  what an engine has in its hands

Rows are only inserted and deleted. All SQL that moves them stands in this folder, one movement a file:
put (submission), sort (provider found), promote (due), claim, record (what became of it), fence (give back).
Functions take a psycopg connection or cursor, never Django's ORM: hundreds of rows a statement.
"""
