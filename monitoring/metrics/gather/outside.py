"""What others see of us: webhooks that wait, doors and their certificates, and sending domains whose DNS is wrong."""

from mailplatform.shell.database.rows import select
from monitoring.endpoints.verdicts import out_of_service
from monitoring.metrics.catalog import Dimension as D
from monitoring.metrics.certificates import Certificates
from monitoring.metrics.gather.moment import Moment, Values, added, of_all

_WEBHOOKS = """
SELECT p.tenant_id, (SELECT count(*) FROM (SELECT 1 FROM delivery_webhookevent e WHERE e.endpoint_id = p.id AND e.state = 'pending' LIMIT 10001) w)::float8,
       CASE WHEN p.state = 'active' THEN (SELECT extract(epoch FROM platform_now() - min(e.due_at))::float8 FROM delivery_webhookevent e
                                           WHERE e.endpoint_id = p.id AND e.state = 'pending') END
  FROM delivery_webhookendpoint p WHERE p.state <> 'disabled'
"""
_ENDPOINTS = "SELECT id, (state = 'down')::int::float8 FROM monitoring_endpoint WHERE enabled"
# Wrong twice is wrong (delivery.domains.standing); only domains that were right once and may send.
_DOMAINS = """
SELECT d.tenant_id, count(DISTINCT d.id)::float8 FROM tenants_domaincheck c JOIN tenants_sendingdomain d ON d.id = c.domain_id
 WHERE c.answer = 'wrong' AND c.wrong_times >= 2 AND d.verified_at IS NOT NULL GROUP BY 1
"""


def webhooks(moment: Moment) -> Values:
    rows = select(_WEBHOOKS)
    return {
        ("webhook_backlog", D.ALL): of_all(sum(count for _, count, _ in rows)),
        ("webhook_backlog", D.TENANT): added((str(tenant), count) for tenant, count, _ in rows),
        ("webhook_oldest_s", D.ALL): of_all(max((max(0.0, age_s) for *_, age_s in rows if age_s is not None), default=0.0)),
    }


class Doors:
    def __init__(self, certificates: Certificates) -> None:
        self._certificates = certificates

    def gather(self, moment: Moment) -> Values:
        on_purpose = out_of_service()
        dead = {str(endpoint): 0.0 if endpoint in on_purpose else is_dead for endpoint, is_dead in select(_ENDPOINTS)}
        days = {key: left for key, left in self._certificates.days_left(moment.at).items() if key in dead}
        return {
            ("endpoints_dead", D.ALL): of_all(sum(dead.values())),
            ("endpoints_dead", D.ENDPOINT): dead,
            ("certificate_days", D.ALL): of_all(min(days.values(), default=None)),
            ("certificate_days", D.ENDPOINT): days,
        }


def domains(moment: Moment) -> Values:
    broken = {str(tenant): count for tenant, count in select(_DOMAINS)}
    return {("domains_broken", D.ALL): of_all(sum(broken.values())), ("domains_broken", D.TENANT): broken}
