"""What django-q2 runs of pools: sums of what happened, and what is forgotten of it. Every job may run twice without harm."""

from mailplatform.shell.clock import now

PERIODIC = {"roll_up": 5, "forget_history": 60}


def roll_up() -> str:
    """Minutes into hours, hours into days."""
    from pools.reputation import rollup

    hours, days = rollup.roll_up(now())
    return f"{hours} rows of hours and {days} of days written"


def forget_history() -> str:
    """Delete minutes, hours, days, evidence, scores, listings and grades that are older than their policies keep."""
    from pools.listings.forget import forget
    from pools.reputation import rollup

    at = now()
    return f"{rollup.forget(at) + forget(at)} rows forgotten"
