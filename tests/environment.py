"""The tests' own world: settings by environment and a real PostgreSQL in a folder of its own.

Loaded as a pytest plugin before Django's settings are. The first process starts the server; xdist's workers inherit its URL
and use a database each. It ends with the run, also when the run is interrupted.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet

from mailplatform.up.postgres import EmbeddedPostgres

os.environ.update(
    DJANGO_SETTINGS_MODULE="mailplatform.settings",
    MAIL_MODE="sandbox",
    STATICFILES_BACKEND="django.contrib.staticfiles.storage.StaticFilesStorage",
    LOG_LEVEL="WARNING",
)
os.environ.setdefault("SECRET_KEY", "only-for-tests-" + os.urandom(16).hex())
os.environ.setdefault("ENCRYPTION_KEYS", Fernet.generate_key().decode())

if "TEST_DATABASE_URL" not in os.environ:
    folder = Path(tempfile.mkdtemp(prefix="mp-test-"))
    server = EmbeddedPostgres(folder, fsync="off", max_connections="300")
    server.start()
    os.environ["TEST_DATABASE_URL"] = server.url
    os.environ["DATA_DIR"] = str(folder)

    @atexit.register
    def _end() -> None:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]
