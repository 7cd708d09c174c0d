"""Delivery's doors: the tenant's API under /api/v1/."""

from django.urls import path, re_path

from delivery.api import docs, domains, messages, nowhere, send, standing, suppression_imports, suppressions, webhooks

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
    path("api/v1/domains", domains.Domains.as_view(), name="api-domains"),
    path("api/v1/domains/<str:name>", domains.OneDomain.as_view(), name="api-domain"),
    path("api/v1/domains/<str:name>/check", domains.Check.as_view(), name="api-domain-check"),
    path("api/v1/domains/<str:name>/rotate", domains.Rotate.as_view(), name="api-domain-rotate"),
    path("api/v1/standing", standing.Standing.as_view(), name="api-standing"),
    path("api/v1/webhooks", webhooks.Webhooks.as_view(), name="webhooks"),
    path("api/v1/webhooks/<int:endpoint_id>", webhooks.Webhook.as_view(), name="webhook"),
    path("api/v1/webhooks/<int:endpoint_id>/rotate", webhooks.Rotate.as_view(), name="webhook-rotate"),
    path("api/v1/webhooks/<int:endpoint_id>/test", webhooks.Test.as_view(), name="webhook-test"),
    path("api/v1/webhooks/<int:endpoint_id>/log", webhooks.Log.as_view(), name="webhook-log"),
    path("api/v1/webhooks/<int:endpoint_id>/replay", webhooks.Replay.as_view(), name="webhook-replay"),
    path("api/v1/schema", docs.schema, name="schema"),
    path("api/v1/docs", docs.page, name="docs"),
    re_path(r"^api/v1/(?!platform/)", nowhere.nowhere),  # the operator's API is another app's
]
