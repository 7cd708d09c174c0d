"""bin/up, piece by piece and whole."""
