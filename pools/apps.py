from django.apps import AppConfig


class PoolsConfig(AppConfig):
    name = "pools"
    label = "pools"

    def ready(self) -> None:
        from pools.neighbours import newcomers  # noqa: F401  hears of new tenants
