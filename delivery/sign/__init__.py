"""Signing: DKIM signatures and return paths that prove themselves."""
