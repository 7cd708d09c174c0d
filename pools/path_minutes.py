"""The last hour of one path, minute by minute: what its page draws."""

from datetime import datetime, timedelta

from django.db import connection

from mailplatform.shell.charts import Chart, Series
from mailplatform.shell.formats import number, plural
from pools.models import Path

MINUTES = 60
# Sixty look-ups of path_minute_once (minute, ip, provider): a range of minutes would read every path of that hour.
_MINUTES = """
    SELECT minute, attempted, delivered, deferred, rerouted, bounced_recipient + bounced_message + bounced_infrastructure + bounced_destination
      FROM pools_pathminute WHERE minute = ANY (%(minutes)s) AND ip_id = %(ip)s AND provider_id = %(provider)s
"""


def last_hour(path: Path, at: datetime) -> Chart:
    """Delivered, deferred or rerouted, and bounced, a minute."""
    last = at.replace(second=0, microsecond=0)
    minutes = [last - timedelta(minutes=n) for n in range(MINUTES - 1, -1, -1)]
    with connection.cursor() as cursor:
        cursor.execute(_MINUTES, {"minutes": minutes, "ip": path.ip_id, "provider": path.provider_id})
        seen = {row[0]: row[1:] for row in cursor.fetchall()}
    rows = [seen.get(minute, (0, 0, 0, 0, 0)) for minute in minutes]
    delivered, again, bounced = [row[1] for row in rows], [row[2] + row[3] for row in rows], [row[4] for row in rows]
    label = (
        f"The last hour by the minute: {plural(sum(row[0] for row in rows), 'attempt')}, {number(sum(delivered))} delivered, "
        f"{number(sum(again))} deferred or rerouted, {number(sum(bounced))} bounced."
    )
    series = [
        Series("delivered", delivered, look="main", filled=True),
        Series("deferred or rerouted", again, look="limited", dash="dash"),
        Series("bounced", bounced, look="broken", dash="dots"),
    ]
    return Chart("Last hour", label, minutes if seen else [], series, unit="/min", note=label if seen else "", height=160)
