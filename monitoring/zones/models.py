"""Machines: which `bin/up` runs which nodes, so that no two run the same ones."""

from django.db import models

from pools.models import Node, Zone


class Machine(models.Model):
    """A data folder that `bin/up` runs the platform from: written at each start."""

    id = models.UUIDField(primary_key=True)
    name = models.CharField(max_length=255, help_text="The host's name.")
    zone = models.ForeignKey(Zone, null=True, on_delete=models.SET_NULL, related_name="machines", help_text="The zone that it was started for; empty: all.")
    nodes = models.ManyToManyField(Node, related_name="machines", help_text="Whose engines and agent it runs.")
    public_url = models.CharField(max_length=500, blank=True, help_text="Where its web server answers.")
    joined = models.BooleanField(default=False, help_text="Whether it was added to a platform that ran already.")
    started_at = models.DateTimeField()

    class Meta:
        ordering = ["name", "started_at"]

    def __str__(self) -> str:
        return self.name
