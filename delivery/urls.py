"""Delivery's doors: the tenant's API under /api/v1/."""

from django.urls import path, re_path

from delivery.api import docs, messages, nowhere, send, suppression_imports, suppressions

app_name = "delivery"
urlpatterns = [
    path("api/v1/messages", messages.Messages.as_view(), name="messages"),
    path("api/v1/messages/batch", send.Batch.as_view(), name="messages-batch"),
    path("api/v1/messages/<uuid:message_id>", messages.Message.as_view(), name="message"),
    path("api/v1/messages/<uuid:message_id>/cancel", messages.Cancel.as_view(), name="message-cancel"),
    path("api/v1/suppressions", suppressions.Suppressions.as_view(), name="suppressions"),
    path("api/v1/suppressions/export", suppressions.Export.as_view(), name="suppressions-export"),
    path("api/v1/suppressions/imports", suppression_imports.Imports.as_view(), name="suppressions-imports"),
    path("api/v1/suppressions/imports/<int:import_id>", suppression_imports.OneImport.as_view(), name="suppressions-import"),
    path("api/v1/suppressions/<int:suppression_id>", suppressions.OneSuppression.as_view(), name="suppression"),
    path("api/v1/schema", docs.schema, name="schema"),
    path("api/v1/docs", docs.page, name="docs"),
    re_path(r"^api/v1/(?!platform/)", nowhere.nowhere),  # the operator's API is another app's
]
