from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "mailplatform.tenants"
    label = "tenants"
