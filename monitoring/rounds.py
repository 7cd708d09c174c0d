"""Which rounds the steward makes, and how often. Order is the order in which they are made when several are due."""

from monitoring.steward import Round
from pools.listings import round as listings

ROUNDS: tuple[Round, ...] = (Round("listings", listings.EVERY_S, listings.begin),)
