"""Settings, by environment or `.env`; every name and default stands in docs/configuration.md."""

from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ
import structlog
from csp.constants import NONE, SELF

from mailplatform.shell.database.address import django_database

BASE_DIR = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(BASE_DIR / ".env")


def _on_loopback(server: str) -> bool:
    """host:port, with a loopback address for its host."""
    host, _, port = server.rpartition(":")
    try:
        return port.isdecimal() and ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


# -- installation -------------------------------------------------------------------------------------------------
SECRET_KEY = env("SECRET_KEY")  # made by bin/up for each installation; there is no default
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS")  # Fernet keys, the newest first; they encrypt DKIM keys and route passwords
MAIL_MODE = env("MAIL_MODE", default="sandbox")  # sandbox: loopback only, by code; live: the world
if MAIL_MODE not in ("sandbox", "live"):
    raise environ.ImproperlyConfigured(f"MAIL_MODE is 'sandbox' or 'live', not '{MAIL_MODE}'.")
DATA_DIR = Path(env("DATA_DIR", default=str(BASE_DIR / "var")))
PUBLIC_URL = env("PUBLIC_URL", default="http://127.0.0.1:8000")
RETURN_PATH_DOMAIN = env("RETURN_PATH_DOMAIN", default="bounces.platform.example")  # VERP return paths live here
DKIM_ZONE = env("DKIM_ZONE", default="")  # a zone of the operator's for DKIM keys, which domains may point aliases at; empty: TXT records only
OWNERSHIP_GRACE_DAYS = env.int("OWNERSHIP_GRACE_DAYS", default=30)  # how long a verified domain's ownership record may be gone; 0: for ever
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["127.0.0.1", "localhost", "[::1]"])
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
METRICS_TOKEN = env("METRICS_TOKEN", default="")  # empty: /metrics and the details of /readyz answer loopback only
DRILLS_IN_LIVE = env.bool("DRILLS_IN_LIVE", default=False)  # drills break things on purpose; the sandbox always allows them
OUTGOING_ALLOWED_NETWORKS = env.list("OUTGOING_ALLOWED_NETWORKS", default=[])  # private networks that webhooks and alerts may reach, like 10.1.0.0/16
WEBHOOK_KEEP_DAYS = env.int("WEBHOOK_KEEP_DAYS", default=7)  # webhook events and the log of each try

ALLOWANCE_HOUR_S = env.float("ALLOWANCE_HOUR_S", default=3600.0)  # how long the hour and the day of a cap are; tests shorten them
ALLOWANCE_DAY_S = env.float("ALLOWANCE_DAY_S", default=86_400.0)
MONITORING_HURRY = env.float("MONITORING_HURRY", default=1.0)  # alert rules' times are multiplied by this; tests shorten them
if not 1 <= ALLOWANCE_HOUR_S <= ALLOWANCE_DAY_S or (MAIL_MODE == "live" and (ALLOWANCE_HOUR_S, ALLOWANCE_DAY_S) != (3600, 86_400)):
    _NOT_SO = "ALLOWANCE_HOUR_S and ALLOWANCE_DAY_S are for tests: seconds, the hour at least 1 and no longer than the day; never in live mode."
    raise environ.ImproperlyConfigured(_NOT_SO)
if not 0 < MONITORING_HURRY <= 1 or (MAIL_MODE == "live" and MONITORING_HURRY != 1):
    raise environ.ImproperlyConfigured("MONITORING_HURRY is for tests: above 0, at most 1; never in live mode.")

# -- where mail goes ----------------------------------------------------------------------------------------------
RESOLVER = env("RESOLVER", default="")  # host:port of a DNS server; empty: the machine's own resolvers
DANE_RESOLVER = env("DANE_RESOLVER", default="")  # host:port of a validating resolver on loopback; empty: DANE is off
if DANE_RESOLVER and not _on_loopback(DANE_RESOLVER):
    raise environ.ImproperlyConfigured(f"DANE_RESOLVER is 127.0.0.1:PORT or [::1]:PORT: what a resolver elsewhere says could be forged; not '{DANE_RESOLVER}'.")
SMTP_PORT = env.int("SMTP_PORT", default=25)  # the port that MX hosts listen on; the sandbox's differ from the world's
MTA_STS_PORT = env.int("MTA_STS_PORT", default=443)  # where MTA-STS policies are fetched; the sandbox's differs from the world's
EXTRA_CA_FILE = env("EXTRA_CA_FILE", default="")  # added to the system's certificate authorities; the sandbox has its own
# -- what comes back ----------------------------------------------------------------------------------------------
INCOMING = env("INCOMING", default="")  # address:port that listens for bounces and complaints; empty: nobody does
if INCOMING and not INCOMING.rpartition(":")[2].isdecimal():
    raise environ.ImproperlyConfigured(f"INCOMING is ADDRESS:PORT, like 0.0.0.0:25; not '{INCOMING}'.")
INCOMING_NAME = env("INCOMING_NAME", default=f"mx.{RETURN_PATH_DOMAIN}")  # what it calls itself; the MX of RETURN_PATH_DOMAIN
INCOMING_CERTIFICATE = env("INCOMING_CERTIFICATE", default="")  # PEM file for STARTTLS; empty: one of its own
INCOMING_CERTIFICATE_KEY = env("INCOMING_CERTIFICATE_KEY", default="")
FEEDBACK_ADDRESSES = env.list("FEEDBACK_ADDRESSES", default=[f"fbl@{RETURN_PATH_DOMAIN}"])  # where providers send complaints
RETURN_PATH_DAYS = env.int("RETURN_PATH_DAYS", default=30)  # how long after it was accepted what comes back about a delivery is believed

# -- the simulated internet ---------------------------------------------------------------------------------------
SANDBOX_URL = env("SANDBOX_URL", default="")  # the simulated internet's inbox; empty outside the sandbox
MAX_MESSAGE_BYTES = env.int("MAX_MESSAGE_BYTES", default=25 * 1024 * 1024)
MAX_REQUEST_BYTES = env.int("MAX_REQUEST_BYTES", default=64 * 1024 * 1024)

# -- SMTP submission ----------------------------------------------------------------------------------------------
def _door(name: str, value: str) -> str:
    """ADDRESS:PORT, or nothing."""
    host, _, port = value.rpartition(":")
    if value and not (host and port.isdecimal() and int(port) < 65536):
        raise environ.ImproperlyConfigured(f"{name} is ADDRESS:PORT, like 0.0.0.0:587; not '{value}'.")
    return value


def _networks(name: str, values: list[str]) -> list[IPv4Network | IPv6Network]:
    try:
        return [ip_network(each, strict=False) for each in values]
    except ValueError as error:
        raise environ.ImproperlyConfigured(f"{name} is a list of networks like 10.0.0.0/8: {error}.") from None


def _trusted(entries: list[str]) -> list[tuple[IPv4Network | IPv6Network, str]]:
    """NETWORK=TENANT, of loopback and private networks alone: nobody else's address proves anything."""
    found = []
    for entry in entries:
        network, _, tenant = entry.partition("=")
        try:
            parsed = ip_network(network, strict=False)
            if not (tenant and parsed.is_private):
                raise ValueError(entry)
        except ValueError:
            raise environ.ImproperlyConfigured(f"SUBMISSION_TRUSTED is NETWORK=TENANT, with a loopback or private network; not '{entry}'.") from None
        found.append((parsed, tenant))
    return found


SUBMISSION = _door("SUBMISSION", env("SUBMISSION", default=""))  # address:port where tenants' programs send mail in, with STARTTLS
SUBMISSION_TLS = _door("SUBMISSION_TLS", env("SUBMISSION_TLS", default=""))  # the same with TLS from the first byte
SUBMISSION_NAME = env("SUBMISSION_NAME", default=urlsplit(PUBLIC_URL).hostname or "localhost")  # what it calls itself
SUBMISSION_CERTIFICATE = env("SUBMISSION_CERTIFICATE", default=env("TLS_CERTIFICATE", default=""))  # empty: one of its own
SUBMISSION_CERTIFICATE_KEY = env("SUBMISSION_CERTIFICATE_KEY", default=env("TLS_CERTIFICATE_KEY", default=""))
SUBMISSION_PROXIES = _networks("SUBMISSION_PROXIES", env.list("SUBMISSION_PROXIES", default=[]))  # who connects from there begins with a PROXY header
SUBMISSION_SESSIONS = env.int("SUBMISSION_SESSIONS", default=1000)  # at once, in a process
SUBMISSION_SESSIONS_PER_ADDRESS = env.int("SUBMISSION_SESSIONS_PER_ADDRESS", default=100)
SUBMISSION_MEMORY_BYTES = env.int("SUBMISSION_MEMORY_BYTES", default=256 * 1024 * 1024)  # of messages in hand, in a process
SUBMISSION_RELAY = _door("SUBMISSION_RELAY", env("SUBMISSION_RELAY", default=""))  # address:port for programs that cannot log in
SUBMISSION_TRUSTED = _trusted(env.list("SUBMISSION_TRUSTED", default=[]))

# -- this process -------------------------------------------------------------------------------------------------
NODE = env("NODE", default="")  # the node that an agent or a delivery cluster belongs to
ZONE = env("ZONE", default="")  # the zone that a watcher belongs to

# -- database -----------------------------------------------------------------------------------------------------
DATABASE_URL = env("DATABASE_URL")  # libpq's URL; several servers are named like postgresql://user@one:5432,two:5433/name
DATABASE_WAIT_S = env.float("DATABASE_WAIT_S", default=20.0)  # how long a submission waits for a database that is being switched
DATABASE_WAITERS = env.int("DATABASE_WAITERS", default=2)  # web requests that do, at once, in a process of four threads; 0: none waits
DATABASES = {"default": django_database(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# -- Django -------------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "unfold",
    "django.contrib.admin.apps.SimpleAdminConfig",  # its pages are found by urls.py: most programs serve none
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "auditlog",
    "csp",
    "django_htmx",
    "django_q",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "rest_framework",
    "mailplatform.shell",
    "mailplatform.tenants",
    "pools",
    "delivery",
    "warming",
    "monitoring",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "mailplatform.shell.policy.PolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "auditlog.middleware.AuditlogMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]
ROOT_URLCONF = "mailplatform.urls"
WSGI_APPLICATION = "mailplatform.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = DATA_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": env("STATICFILES_BACKEND", default="whitenoise.storage.CompressedManifestStaticFilesStorage")},
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True  # nothing asks for the others, and they would be compressed as well
# The submission API reads its own bodies, bounded by MAX_REQUEST_BYTES; forms stay small.
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES

# -- people -------------------------------------------------------------------------------------------------------
AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend", "mailplatform.tenants.roles.RoleBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_REDIRECT_URL = "/"
LOGIN_URL = "/accounts/login/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "mailplatform.tenants.accounts.NoSignup"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Mailplatform"
MFA_TOTP_TOLERANCE = 1  # a phone's clock may be half a minute off (RFC 6238 §6)
ACCOUNT_SESSION_REMEMBER = False  # a session ends after SESSION_COOKIE_AGE
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = False  # the session goes on; Django ends every other one
ACCOUNT_RATE_LIMITS = {"login": "30/m/ip", "login_failed": "10/m/ip,5/5m/key", "change_password": "5/m/user", "reauthenticate": "10/m/user"}
ACCOUNT_REAUTHENTICATION_TIMEOUT = 300
EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"

# Every change that a person makes in the admin is kept with its old and new values (shell.audit); secrets are not.
AUDITLOG_INCLUDE_TRACKING_MODELS: tuple[str | dict[str, object], ...] = (
    {"model": "tenants.User", "exclude_fields": ["password", "last_login"]},
    "tenants.Tenant",
    {"model": "tenants.ApiKey", "exclude_fields": ["secret_hash", "last_used_at"]},
    "tenants.SendingDomain",
    {"model": "tenants.DkimKey", "exclude_fields": ["private_encrypted"]},
    "pools.Zone",
    "pools.Node",
    "pools.SendingIP",
    "pools.Pool",
    "pools.PoolMember",
    "pools.Stream",
    "pools.Provider",
    "pools.ResponseRule",
    {"model": "pools.StaticRoute", "exclude_fields": ["password_encrypted"]},
    "pools.TlsException",
    {"model": "pools.DnsblZone", "include_fields": ["zone", "asked", "weight", "ask_every_s", "questions_per_day", "many_allowed", "meanings", "errors"]},
    "pools.ListingPolicy",
    "delivery.Suppression",
)
UNFOLD = {
    "SITE_TITLE": "Mailplatform",
    "SITE_HEADER": "Mailplatform",
    "SITE_SUBHEADER": "Admin",
    "SITE_URL": "/",
    "SITE_SYMBOL": "send",
    "SHOW_HISTORY": False,
    "SHOW_BACK_BUTTON": True,
    "BORDER_RADIUS": "6px",
    "COLORS": {  # the console's ground, ink and accent (static/console/tokens.css)
        "base": {
            "50": "#f7f7f5", "100": "#f2f2ef", "200": "#e5e5e0", "300": "#c9c9c2", "400": "#92969e", "500": "#65686f",
            "600": "#4d5056", "700": "#41454d", "800": "#272a2f", "900": "#16181b", "950": "#0f1012",
        },
        "primary": {
            "50": "#f4f4fd", "100": "#ebecfa", "200": "#d3d6f6", "300": "#a9b0ff", "400": "#7f86ec", "500": "#5a60d6",
            "600": "#4046c4", "700": "#3439a3", "800": "#2b2f85", "900": "#25273d", "950": "#14151f",
        },
    },
}  # fmt: skip

# -- the browser --------------------------------------------------------------------------------------------------
# Scripts and styles come from this host alone; the admin adds what django-unfold's Alpine needs (shell.policy).
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-src": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = _HTTPS
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_AGE = 12 * 3600
SECURE_HSTS_SECONDS = 31_536_000 if _HTTPS else 0
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# -- REST ---------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],  # every API names its own kind of key
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["mailplatform.shell.rest.JsonRenderer"],
    "DEFAULT_PARSER_CLASSES": ["mailplatform.shell.rest.JsonParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "mailplatform.shell.rest.problem_details",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Mailplatform",
    "VERSION": "1",
    "DESCRIPTION": "Send mail, follow it, keep suppressions. Every error is an RFC 9457 problem that names the field.",
    "SERVE_INCLUDE_SCHEMA": False,
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

# -- django-q2 ----------------------------------------------------------------------------------------------------
# Engines run as long tasks of their node's delivery cluster, periodic jobs in `jobs`. An engine's task is
# acknowledged at its start by the engine itself; `retry` must exceed the longest wait plus run, or tasks run twice.
_ENGINE_SLICE_S = 3600
Q_CLUSTER_NAME = env("Q_CLUSTER_NAME", default="jobs")
_CLUSTER = {
    "orm": "default",
    "broker_class": "mailplatform.shell.database.broker.PatientBroker",
    "workers": 1,
    "recycle": 50,
    "timeout": 600,
    "retry": 1200,
    "max_attempts": 1,
    "save_limit": -1,
    "ack_failures": True,
    "catch_up": False,
    "poll": 0.5,
    "queue_limit": 2,
    "label": "Background jobs",
}
_DELIVERY_CLUSTER = {
    **_CLUSTER,
    "workers": env.int("ENGINES_PER_NODE", default=1),
    "timeout": 2 * _ENGINE_SLICE_S,
    "retry": 4 * _ENGINE_SLICE_S,
    "poll": 0.25,
    "recycle": 1,
}
Q_CLUSTER = {**_CLUSTER, "name": "jobs", "ALT_CLUSTERS": {name: _DELIVERY_CLUSTER for name in [Q_CLUSTER_NAME] if name != "jobs"}}
ENGINE_SLICE_S = _ENGINE_SLICE_S

# -- logs ---------------------------------------------------------------------------------------------------------
LOG_LEVEL = env("LOG_LEVEL", default="INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
}
# Plain lines, and tracebacks without local variables: those may hold addresses, bodies and keys.
structlog.configure(
    processors=[
        structlog.stdlib.filter_by_level,
        structlog.processors.format_exc_info,
        structlog.processors.LogfmtRenderer(key_order=["event"]),
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
