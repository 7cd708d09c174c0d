from django.apps import AppConfig


class ShellConfig(AppConfig):
    name = "mailplatform.shell"
    label = "shell"
