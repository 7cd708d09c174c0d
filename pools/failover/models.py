"""What is kept of failover: when who is given up, and how a node that was lost comes back.

The policy is the operators' row; a return is written by whoever gave the node up, in the verdict's transaction, and read by the node's engines.
"""

from django.db import models
from django.db.models import Q

from mailplatform.shell.bounds import between


class FailoverPolicy(models.Model):
    """The one row that operators edit. An engine stops itself 600 ms after its last renewal was sent: nobody may be given up before that."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    suspect_ms = models.PositiveIntegerField(
        "suspected after", default=350, validators=between(200, 5_000), help_text="Milliseconds of silence: its paths leave the auction until it is heard."
    )
    give_up_ms = models.PositiveIntegerField(
        "given up after", default=720, validators=between(700, 30_000),
        help_text="Milliseconds of an engine's silence, seen by a watcher, when its node's agent is silent too.",
    )
    agent_away_ms = models.PositiveIntegerField(
        "agent away after", default=600, validators=between(400, 30_000),
        help_text="Milliseconds of a node agent's silence: until then its engines are left to it, for it can read their journals.",
    )
    left_to_agent_s = models.PositiveIntegerField(
        "left to the agent for", default=5, validators=between(2, 120),
        help_text="Seconds: an agent that is heard, but does not act, is not waited for longer.",
    )
    returns_by_steps = models.BooleanField(
        "return by steps", default=True, help_text="A node that was given up gets a growing share of its connections and rates. Off: all at once."
    )
    return_s = models.PositiveIntegerField("return takes", default=30, validators=between(5, 3_600), help_text="Seconds until it has all of them again.")
    longest_return_s = models.PositiveIntegerField(
        "longest return", default=600, validators=between(10, 86_400), help_text="Seconds: each loss within the flap window doubles the time, up to this."
    )
    flap_window_s = models.PositiveIntegerField(
        "flap window", default=3_600, validators=between(60, 86_400), help_text="Seconds in which a loss counts against the next return."
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = verbose_name_plural = "failover: policy"
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="one_failover_policy"),
            models.CheckConstraint(condition=Q(give_up_ms__gte=700), name="nobody_is_given_up_before_the_lease_ends"),
        ]

    def __str__(self) -> str:
        return "how nodes are given up and come back"


class NodeReturn(models.Model):
    """A node that was given up, and since when it is back. Kept: the next loss counts those before it."""

    node = models.OneToOneField("pools.Node", primary_key=True, on_delete=models.CASCADE, related_name="came_back")
    lost_at = models.DateTimeField(help_text="When it was last given up, by the database's clock.")
    losses = models.PositiveIntegerField(default=1, help_text="How often within the flap window, this time included.")
    takes_s = models.PositiveIntegerField(default=0, help_text="How long its return takes; 0: it comes back at once.")
    back_at = models.DateTimeField(null=True, blank=True, help_text="When an engine of it was first heard again.")

    def __str__(self) -> str:
        return f"{self.node}, lost {self.losses} times"
