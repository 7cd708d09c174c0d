"""Reputation's pages: the matrix of paths, why a path has its score, an IP, a pool, what was done, what other thresholds would have done."""
