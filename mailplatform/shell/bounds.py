"""Bounds of what operators set: every number on a policy has a least and a most."""

from django.core.validators import MaxValueValidator, MinValueValidator


def between(least: int, most: int) -> list[MinValueValidator | MaxValueValidator]:
    return [MinValueValidator(least), MaxValueValidator(most)]
