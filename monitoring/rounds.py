"""Which rounds the steward makes, and how often. Order is the order in which they are made when several are due."""

from monitoring.steward import Round

ROUNDS: tuple[Round, ...] = ()
