"""Shipped: the rules that a new platform begins with. Data, and their putting in.

Each is put in once: what staff change stays changed, what they delete stays away. Thresholds without a source are ours: what on a healthy platform does not
last so long.
"""

from dataclasses import dataclass, replace

from django.db import connection, transaction

from mailplatform.shell.models import Severity
from monitoring.alerts.models import AlertRule, ShippedRule

LOCK = 7_303_110_005  # of who puts them in
MINUTE, HOUR, DAY = 60, 3_600, 86_400
ABOVE, BELOW, NO_DATA, TIMES = (
    AlertRule.Comparison.ABOVE, AlertRule.Comparison.BELOW, AlertRule.Comparison.NO_DATA, AlertRule.Comparison.TIMES_MEDIAN,
)  # fmt: skip
INFO, WARNING, CRITICAL = Severity.INFO, Severity.WARNING, Severity.CRITICAL


@dataclass(frozen=True, slots=True)
class Shipped:
    key: str
    name: str
    metric: str
    dimension: str
    threshold: float | None
    runbook: str
    for_s: int = 3 * MINUTE
    severity: Severity = WARNING
    link: str = ""
    clear: float | None = None
    subjects: tuple[str, ...] = ()
    comparison: str = ABOVE
    at_least: float | None = None
    window_s: int | None = None
    clear_for_s: int = MINUTE


_QUEUE = (
    Shipped(
        "queue-deep", "The queue is far deeper than usual", "queue_ready", "all", 5,
        "Look on the queue's page which purpose and provider it is. One provider: it defers us, look at its page. All: engines are too few, or dead.",
        10 * MINUTE, link="/messages/", comparison=TIMES, at_least=20_000, clear=3, clear_for_s=5 * MINUTE,
    ),
    Shipped(
        "queue-transactional-deep", "Transactional mail piles up", "queue_ready", "purpose", 2_000,
        "Passwords and receipts are late. Look which provider or pool they wait for; add IPs to the pool, or see whether engines live.",
        2 * MINUTE, CRITICAL, "/messages/", 1_000, ("transactional",),
    ),
    Shipped(
        "stuck-transactional", "Transactional mail is stuck", "queue_oldest_s", "purpose", 5 * MINUTE,
        "The oldest transactional delivery that could go has waited for minutes. Its page says what it waits for, and which limit binds.",
        MINUTE, CRITICAL, "/messages/", 2 * MINUTE, ("transactional",),
    ),
    Shipped(
        "stuck-notification", "Notifications are stuck", "queue_oldest_s", "purpose", 30 * MINUTE,
        "The oldest notification that could go has waited for half an hour. Its page says what it waits for.",
        5 * MINUTE, WARNING, "/messages/", 20 * MINUTE, ("notification",),
    ),
    Shipped(
        "stuck-marketing", "Marketing mail is stuck", "queue_oldest_s", "purpose", DAY,
        "A day has passed: caps of warming IPs, or a provider's limits, are below what is sent. The delivery's page says which limit binds.",
        10 * MINUTE, WARNING, "/messages/", 20 * HOUR, ("marketing",),
    ),
)  # fmt: skip
_MACHINES = (
    Shipped(
        "cpu", "CPU is short on a node", "cpu_share", "node", 0.9,
        "Detection and delivery become slow before mail is late. Look which process it is; drain the node, or give the zone another one.",
        10 * MINUTE, WARNING, "/nodes/", 0.8, clear_for_s=3 * MINUTE,
    ),
    Shipped(
        "memory", "Memory is short on a node", "memory_share", "node", 0.92,
        "The kernel will end processes when it is used up; nothing accepted is lost by that. See what grows, drain the node, restart it.",
        5 * MINUTE, WARNING, "/nodes/", 0.88,
    ),
    Shipped(
        "disk", "A disk fills up", "disk_share", "node", 0.85,
        "Find what grows: the database and its write-ahead log, or logs. A standby that is away keeps the log from being recycled.",
        10 * MINUTE, WARNING, "/nodes/", 0.83,
    ),
    Shipped(
        "disk-full", "A disk is almost full", "disk_share", "node", 0.95,
        "Without room the database stops, and nothing is accepted. Make room now.", MINUTE, CRITICAL, "/nodes/", 0.93,
    ),
    Shipped(
        "files", "Open files come near their limit", "files_share", "node", 0.8,
        "A process that may open no more files accepts no more connections. Raise its limit (LimitNOFILE), and restart it.",
        2 * MINUTE, WARNING, "/nodes/", 0.7,
    ),
    Shipped(
        "node-silent", "A node tells nothing of itself", "cpu_share", "node", None,
        "Its agent has reported no figures: look whether the agent runs, and whether it reaches the database.",
        2 * MINUTE, WARNING, "/nodes/", comparison=NO_DATA,
    ),
    Shipped(
        "agent-silent", "A node agent is silent", "agent_silent_s", "node", 15,
        "Nobody on that node looks after its engines. The zone's watcher has given their mail to others. See whether the machine lives.",
        10, CRITICAL, "/nodes/", 5,
    ),
    Shipped(
        "engines-missing", "Engines are missing", "engines_missing", "node", 0,
        "An agent starts a dead engine again within a second: if it stays away, its log on that node says why.", 30, CRITICAL, "/nodes/",
    ),
    Shipped(
        "watcher-silent", "A watcher is silent", "watcher_silent_s", "zone", 15,
        "Nobody finds dead nodes of that zone. See whether its watcher process runs and reaches the database.", 10, CRITICAL, "/nodes/", 5,
    ),
)  # fmt: skip
_PROVIDERS = (
    Shipped(
        "connections", "Connection limits are used up at a provider", "connections_share", "provider", 0.95,
        "More connections are not permitted to our IPs there. If mail waits, more IPs in the pool help, or a higher limit if the provider grants one.",
        15 * MINUTE, WARNING, "/providers/", 0.85, clear_for_s=5 * MINUTE,
    ),
    Shipped(
        "tls", "TLS errors at a provider", "tls_error_share", "provider", 0.05,
        "Connections fail in their handshake, and their mail waits: it is not sent in the clear. One provider: its certificate or its policy. "
        "All: our own clock, store of certificates or network.", 3 * MINUTE, WARNING, "/providers/", 0.03,
    ),
    Shipped(
        "deferrals", "A provider defers far more than usual", "deferred_share", "provider", 3,
        "It is the provider's mood, or what we send. Its page shows its answers; paths slow down by themselves.",
        10 * MINUTE, WARNING, "/providers/", 2, comparison=TIMES, at_least=0.2, window_s=900,
    ),
    Shipped(
        "blocked", "A provider refuses us for our address's sake", "blocked_share", "provider", 0.1,
        "Paths that are blocked leave by themselves. See which tenant's mail began it, and the provider's own page for senders.", 3 * MINUTE, WARNING,
        "/providers/", 0.05,
    ),
    Shipped(
        "bounces", "A tenant's mail bounces", "bounced_share", "tenant", 0.05,
        "Five in a hundred addresses are wrong: the list is old or bought. Hold the tenant's marketing mail until its list is cleaned.",
        10 * MINUTE, WARNING, "/tenants/", 0.03, window_s=HOUR,
    ),
    Shipped(  # Google's and Yahoo's limit for bulk senders, 0.3 %: support.google.com/a/answer/81126, senders.yahooinc.com/best-practices
        "complaints", "A tenant's mail is complained about", "complaint_share", "tenant", 0.003,
        "Above 0.3 % Gmail and Yahoo refuse more of it. See which stream and campaign it is, and whether unsubscribing works.",
        10 * MINUTE, WARNING, "/tenants/", 0.001,
    ),
)  # fmt: skip
_REPUTATION = (
    Shipped(
        "ips-out", "A sending IP left its pool", "ips_out", "pool", 0,
        "Its reputation fell below the threshold. It comes back by itself; its page says what led to it and what it is waiting for.",
        MINUTE, WARNING, "/pools/",
    ),
    Shipped(
        "paths-out", "Many paths are out of rotation at a provider", "paths_out", "provider", 4,
        "Several of our IPs are out at one provider at once: what they have in common is the mail. See its blocks and the tenants behind them.",
        10 * MINUTE, WARNING, "/providers/", 2,
    ),
    Shipped(
        "listed", "A block list lists one of our IPs", "listings", "ip", 0,
        "The listings' page has the list's reason and where to ask for removal. Find what began it first.", MINUTE, WARNING, "/listings/",
    ),
    Shipped(
        "warmups-held", "Warm-ups hold", "warmups_held", "pool", 0,
        "Evidence has stopped an IP's warm-up for hours. Its page has the evidence, and what it is waiting for.", 6 * HOUR, INFO, "/warmups/",
    ),
    Shipped(
        "drills-overdue", "A disaster drill is overdue", "drills_overdue", "all", 0,
        "A rehearsal that its schedule asks for has not taken place. Run it from the drills' page, or move its window.", 10 * MINUTE, WARNING, "/drills/",
    ),
)  # fmt: skip
_PLATFORM = (
    Shipped(
        "certificate", "A certificate of ours ends soon", "certificate_days", "endpoint", 14,
        "Renew it and see that the door shows the new one. Clients that verify will refuse to connect when it has ended.",
        10 * MINUTE, WARNING, "/endpoints/", 15, comparison=BELOW,
    ),
    Shipped(
        "certificate-ends", "A certificate of ours ends in days", "certificate_days", "endpoint", 3,
        "Renew it now.", MINUTE, CRITICAL, "/endpoints/", 4, comparison=BELOW,
    ),
    Shipped(
        "endpoints-dead", "A door of the platform is dead", "endpoints_dead", "endpoint", 0,
        "Clients cannot get in there; where DNS failover is set up it leads them elsewhere. See whether the process behind it lives.",
        30, CRITICAL, "/endpoints/",
    ),
    Shipped(
        "cluster-silent", "A cluster of jobs is silent", "cluster_silent_s", "cluster", 60,
        "Nobody does its jobs: webhooks, bounces or upkeep wait. Start it again (qcluster).", 30, CRITICAL, "/nodes/", 30,
    ),
    Shipped(
        "jobs-late", "Jobs wait too long", "jobs_oldest_s", "all", 5 * MINUTE,
        "The jobs cluster is stuck or too small. Its log says which job it is at.", MINUTE, WARNING, "", 2 * MINUTE,
    ),
    Shipped(
        "jobs-failed", "Jobs fail", "jobs_failed", "all", 5,
        "More than five of an hour's jobs failed. The admin's list of failed tasks has their errors.", 0, WARNING, "", 2, window_s=HOUR,
    ),
    Shipped(
        "webhooks-late", "Webhook events wait too long", "webhook_oldest_s", "all", 10 * MINUTE,
        "Tenants hear late of what became of their mail. One tenant: its receiver is slow or refuses. All: the webhooks cluster.",
        5 * MINUTE, WARNING, "", 5 * MINUTE,
    ),
    Shipped(
        "database-connections", "Database connections are short", "database_connections_share", "all", 0.85,
        "When they are used up engines and web workers cannot connect. Raise max_connections, or start fewer workers.", 2 * MINUTE, CRITICAL, "", 0.75,
    ),
    Shipped(
        "database-lag", "A standby lags behind", "database_lag_s", "all", 30,
        "If the primary died now, so many seconds of accepted mail would depend on it alone. See the standby's log and its network.",
        2 * MINUTE, CRITICAL, "", 10,
    ),
    Shipped(
        "domains", "A sending domain's DNS turned wrong", "domains_broken", "tenant", 0,
        "Its DKIM, return path or DMARC record is gone or changed. Providers will refuse or junk its mail: tell the tenant which record.", 15 * MINUTE, WARNING,
        "/tenants/",
    ),
)  # fmt: skip
SHIPPED: tuple[Shipped, ...] = _QUEUE + _MACHINES + _PROVIDERS + _REPUTATION + _PLATFORM


def row_of(one: Shipped) -> AlertRule:
    return AlertRule(
        name=one.name, metric=one.metric, dimension=one.dimension, subjects=list(one.subjects), comparison=one.comparison, threshold=one.threshold,
        clear=one.clear, at_least=one.at_least, window_s=one.window_s, for_s=one.for_s, clear_for_s=one.clear_for_s, severity=one.severity,
        runbook=one.runbook, link=one.link, shipped=one.key, changed_by="the platform",
    )  # fmt: skip


def seed_shipped() -> int:
    """Put in those that never were; how many. Any process may, at any time."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        known = set(ShippedRule.objects.values_list("key", flat=True))
        new = [one for one in SHIPPED if one.key not in known]
        taken = set(AlertRule.objects.filter(name__in=[one.name for one in new]).values_list("name", flat=True))
        AlertRule.objects.bulk_create(row_of(replace(one, name=f"{one.name} (shipped)") if one.name in taken else one) for one in new)
        ShippedRule.objects.bulk_create(ShippedRule(key=one.key) for one in new)
    return len(new)
