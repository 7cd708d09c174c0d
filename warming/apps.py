from django.apps import AppConfig


class WarmingConfig(AppConfig):
    name = "warming"
    label = "warming"

    def ready(self) -> None:
        from warming import start  # noqa: F401  (its receiver hears of every IP that joins a pool)
