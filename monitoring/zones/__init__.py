"""Zones: the machines that make them up, taking one out and back, and whether the others could carry its load."""
