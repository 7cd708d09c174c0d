"""Seven days of generated history, so that no chart of a new sandbox is empty. Marked as simulated, for ever.

Owns: minutes of path and stream that lie before the installation. Promises: made once, in about a second, in two statements;
the last minutes are left to what really happens. Never: in live mode, over a minute that has really been, messages or deliveries.
Days have a rhythm, marketing comes in campaigns, and two days ago Outlook.com deferred for an hour.
"""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice, Severity
from mailplatform.shell.notices import raise_notice

MARK = "history.simulated"
DAYS = 7
LEFT_TO_REALITY = timedelta(minutes=2)

# Shares of the providers among recipients, roughly those of a European sender.
SHARES = {"google": 0.37, "microsoft_consumer": 0.16, "microsoft_365": 0.14, "yahoo": 0.12, "apple": 0.10, "gmx_webde": 0.06, "orange_fr": 0.05}
# Messages a second of a purpose, all tenants together, in the middle of a working day.
RATES = {0: 1.3, 1: 1.0, 2: 1.7}

# Quarter hours, and single minutes in the last three hours: what the charts draw, in 50,000 rows instead of 600,000.
_STREAMS = """
INSERT INTO pools_streamminute (stream_id, tenant_id, purpose, pool_id, provider_id, minute, attempted, delivered, delivered_first_try, deferred,
                                bounced, bounced_other, complaints, wait_ms_sum)
WITH slot AS (
  SELECT at, 15 AS minutes FROM generate_series(%(first)s::timestamptz, %(fine)s::timestamptz - interval '15 min', '15 min') at
   UNION ALL
  SELECT at, 1 FROM generate_series(%(fine)s::timestamptz, %(last)s::timestamptz, '1 min') at
), rhythm AS (
  SELECT at, minutes, extract(hour FROM at) + extract(minute FROM at) / 60 AS hour,
         CASE WHEN extract(isodow FROM at) >= 6 THEN 0.6 ELSE 1.0 END AS week,
         at BETWEEN %(trouble)s::timestamptz AND %(trouble)s::timestamptz + interval '70 min' AS trouble
    FROM slot
), day AS (
  SELECT *, 0.18 + 0.82 * greatest(0, sin(pi() * (hour - 5.5) / 17)) AS curve,
         0.10 + exp(-power((hour - 9.5) / 0.7, 2)) * 1.4 + exp(-power((hour - 17.2) / 0.6, 2)) AS campaign
    FROM rhythm
), lane AS (
  SELECT s.id AS stream_id, s.tenant_id, s.purpose, s.pool_id, p.id AS provider_id, p.key,
         (w.rate->>(s.purpose::text))::float8 * share.value::float8 * (0.6 + 0.8 * (s.tenant_id %% 3) / 2.0) / 3 AS per_s
    FROM pools_stream s
    JOIN tenants_tenant t ON t.id = s.tenant_id AND t.is_simulated
    CROSS JOIN jsonb_each_text(%(shares)s::jsonb) share(key, value)
    JOIN pools_provider p ON p.key = share.key
    CROSS JOIN (SELECT %(rates)s::jsonb AS rate) w
), volume AS (
  SELECT lane.*, day.at, day.minutes,
         floor(day.minutes * 60 * per_s * week * CASE purpose WHEN 2 THEN campaign ELSE curve END * (0.85 + 0.3 * random()) + random())::int AS n,
         CASE WHEN trouble AND lane.key = 'microsoft_consumer' THEN 0.34 ELSE 0.012 + 0.012 * (purpose = 2)::int END AS deferring
    FROM day CROSS JOIN lane
), outcome AS (
  SELECT *, least(n, floor(n * deferring * (0.6 + 0.8 * random()) + random())::int) AS deferred,
         floor(n * (0.002 + 0.004 * (purpose = 2)::int) + random() * 0.9)::int AS bad
    FROM volume WHERE n > 0
), whole AS (
  SELECT *, least(bad, n - deferred) AS bounced, n - deferred - least(bad, n - deferred) AS delivered FROM outcome
)
SELECT stream_id, tenant_id, purpose, pool_id, provider_id, at, n, delivered, floor(delivered * 0.985 + random() * 0.99)::int, deferred,
       bounced, 0, 0, (delivered * (55 + 60 * random() + 9000 * deferring * deferring))::bigint
  FROM whole
ON CONFLICT (minute, stream_id, pool_id, provider_id) DO NOTHING
"""
# The same mail, spread over the sending IPs of its pool.
_PATHS = """
INSERT INTO pools_pathminute (ip_id, provider_id, minute, attempted, delivered, deferred, rerouted, bounced_recipient, bounced_message,
                              bounced_infrastructure, bounced_destination, complaints, connects, connect_failures, tls_errors, latency_ms_sum)
WITH member AS (SELECT pool_id, ip_id, count(*) OVER (PARTITION BY pool_id) AS members FROM pools_poolmember),
spread AS (
  SELECT m.ip_id, s.provider_id, s.minute, sum(s.delivered::float8 / m.members) AS delivered, sum(s.deferred::float8 / m.members) AS deferred,
         sum(s.bounced::float8 / m.members) AS bounced
    FROM pools_streamminute s JOIN member m USING (pool_id) WHERE s.minute BETWEEN %(first)s AND %(last)s GROUP BY 1, 2, 3
), rounded AS (
  SELECT ip_id, provider_id, minute, floor(delivered + random())::int AS delivered, floor(deferred + random())::int AS deferred,
         floor(bounced + random())::int AS bounced FROM spread
)
SELECT ip_id, provider_id, minute, delivered + deferred + bounced, delivered, deferred, 0, bounced, 0, 0, 0, 0, delivered / 20 + 1, 0, 0,
       (delivered * (25 + 20 * random()))::bigint
  FROM rounded WHERE delivered + deferred + bounced > 0
ON CONFLICT (minute, ip_id, provider_id) DO NOTHING
"""


def make_history() -> bool:
    """Make it if it was never made; whether it was made now."""
    if settings.MAIL_MODE != "sandbox" or Notice.objects.filter(kind=MARK).exists():
        return False
    at = now().replace(second=0, microsecond=0)
    last = at - LEFT_TO_REALITY
    fine = (at - timedelta(hours=3)).replace(minute=0)
    first = (at - timedelta(days=DAYS)).replace(minute=0)
    trouble = (at - timedelta(days=2)).replace(hour=14, minute=0)
    values: dict[str, Any] = {
        "first": first, "fine": fine, "last": last, "trouble": trouble,
        "shares": json.dumps(SHARES), "rates": json.dumps({str(purpose): per_s for purpose, per_s in RATES.items()}),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT setseed(0.42)")  # every new sandbox has the same past
        cursor.execute(_STREAMS, values)
        streams = cursor.rowcount
        cursor.execute(_PATHS, {"first": first, "last": last})
        raise_notice(
            MARK, "", Severity.INFO,
            f"The charts before {at:%-d %B, %H:%M} UTC show generated history, so that there is something to see. What came later is real.",
            {"from": first.isoformat(), "until": at.isoformat(), "stream_minutes": streams, "path_minutes": cursor.rowcount},
        )  # fmt: skip
    return True
