"""Delivery's doors: the tenant's API under /api/v1/."""

from django.urls import path

from delivery.api import send

app_name = "delivery"
urlpatterns = [
    path("api/v1/messages", send.Messages.as_view(), name="messages"),
    path("api/v1/messages/batch", send.Batch.as_view(), name="messages-batch"),
]
