"""The web server's door."""

import os

from django.core.wsgi import get_wsgi_application

from mailplatform.shell.garbage import look_seldom

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
application = get_wsgi_application()
look_seldom()
