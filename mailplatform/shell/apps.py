from django.apps import AppConfig


class ShellConfig(AppConfig):
    name = "mailplatform.shell"
    label = "shell"

    def ready(self) -> None:
        from mailplatform.shell import audit  # noqa: F401  (its receiver hears every audited model)
