from django.apps import AppConfig


class WarmingConfig(AppConfig):
    name = "warming"
    label = "warming"
