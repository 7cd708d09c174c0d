"""The web server's door."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from mailplatform.shell.garbage import look_seldom

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
application = get_wsgi_application()
import_module(settings.ROOT_URLCONF)  # before the workers are forked: they share it, and the first request of each waits for nothing
look_seldom()
