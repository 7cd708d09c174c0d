"""The three purposes of mail, in the order in which they go."""

from django.db import models


class Purpose(models.IntegerChoices):
    """Transactional never waits behind marketing; the number is the queue's sort key."""

    TRANSACTIONAL = 0, "transactional"
    NOTIFICATION = 1, "notification"
    MARKETING = 2, "marketing"
