"""Which rounds the steward makes, and how often. Order is the order in which they are made when several are due."""

from delivery.queue import standing
from monitoring.dns import pilot
from monitoring.drills import round as drills
from monitoring.steward import Round
from pools.listings import round as listings
from pools.neighbours import round as neighbours
from pools.reputation import round as reputation
from warming import round as warming

ROUNDS: tuple[Round, ...] = (
    Round("warming", warming.LOOK_S, warming.begin),
    Round("listings", listings.EVERY_S, listings.begin),
    Round("neighbours", neighbours.EVERY_S, neighbours.begin),
    Round("reputation", reputation.EVERY_S, reputation.begin),
    Round("drills", drills.EVERY_S, drills.begin),
    Round("tenants' queued mail", standing.EVERY_S, standing.begin),
    Round("DNS failover", pilot.ROUND_EVERY_S, pilot.begin),
)
