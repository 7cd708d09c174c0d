"""Sending domains: their keys, the records to publish, what DNS says of them, and whether the large providers would take their mail."""
