"""The apps' doors, by name."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.urls import include, path

admin.autodiscover()
# The admin has no login of its own: rate limits and second factors are allauth's, and a tenant user gets 403.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]

urlpatterns = [
    path("admin/", admin.site.urls),
    path("accounts/", include("mailplatform.tenants.entrance")),
    path("", include("mailplatform.shell.console")),
    path("", include("mailplatform.tenants.console")),
    path("", include("pools.pages.console")),
    path("", include("pools.listings.console")),
    path("", include("pools.neighbours.console")),
    path("", include("pools.console")),
    path("", include("warming.console")),
    path("", include("delivery.console")),
    path("", include("delivery.tlspolicy.console")),
    path("", include("delivery.webhooks.console")),
    path("", include("delivery.returns.console")),
    path("", include("delivery.domains.console")),
    path("", include("delivery.suppressions.console")),
    path("", include("delivery.unsubscribe.console")),
    path("", include("delivery.unsubscribe.page")),
    path("", include("monitoring.endpoints.console")),
    path("", include("monitoring.dns.console")),
    path("", include("monitoring.urls")),
    path("", include("delivery.urls")),
]

handler400 = "mailplatform.shell.rest.bad_request"
handler500 = "mailplatform.shell.rest.server_error"
