"""Sorting: from a recipient's domain to the hosts that take its mail."""
