"""mailplatform.up.seed and schedules against a real database."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command
from django_q.models import Schedule

from mailplatform.shell.clock import now
from mailplatform.tenants.keys import Key, forget_cached, recognise
from mailplatform.tenants.models import ApiKey, DkimKey, SendingDomain, Tenant, User
from mailplatform.up import schedules, seed
from pools.models import Node, Pool, SendingIP, Stream, Zone
from pools.purposes import Purpose


@pytest.fixture
def data(db: None, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(seed, "make_history", lambda: False)  # seconds long, and kept to its promises by tests of its own
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    (tmp_path / "sandbox").mkdir()
    call_command("load_catalogue", verbosity=0)
    yield tmp_path
    forget_cached()


def rows() -> dict[str, list[object]]:
    models = (Zone, Node, SendingIP, Pool, Pool.ips.through, Tenant, Stream, SendingDomain, DkimKey, ApiKey, User)
    return {model.__name__: list(model.objects.order_by("pk").values()) for model in models}


def test_the_demo_is_what_the_readme_says(data: Path) -> None:
    seed.everything(data)
    assert {node.name: node.zone.name for node in Node.objects.all()} == {"north-1": "north", "south-1": "south"}
    assert [node.ips.count() for node in Node.objects.all()] == [4, 4]
    assert {str(ip.address): ip.ehlo_name for ip in SendingIP.objects.filter(address="127.10.2.3")} == {"127.10.2.3": "mta-23.south-1.platform.example"}
    assert {pool.name: pool.kind for pool in Pool.objects.all()} == {
        "shared-transactional": "shared", "shared-notification": "shared", "shared-marketing": "shared", "harbour": "dedicated", "lumen": "hybrid",
    }  # fmt: skip
    assert all(pool.ips.values("node").distinct().count() == 2 for pool in Pool.objects.all()), "every pool outlives a node"
    assert not Pool.objects.get(name="harbour").ips.filter(pools__tenant=None).exists(), "a dedicated pool's IPs are nobody else's"
    assert {tenant.name for tenant in Tenant.objects.filter(is_simulated=True)} == {"harbour", "lumen", "fieldnotes"}
    for tenant in Tenant.objects.all():
        assert {stream.purpose for stream in tenant.streams.all()} == set(Purpose)
        assert tenant.streams.get(is_default=True).purpose == Purpose.TRANSACTIONAL
        domain = tenant.domains.exclude(name=seed.FLAWED_DOMAIN).get()
        assert domain.verified_at
        assert {key.algorithm for key in domain.dkim_keys.all()} == {"rsa-sha256", "ed25519-sha256"}


def test_the_login_and_the_key_in_demo_json_open_the_doors(data: Path) -> None:
    seed.everything(data)
    demo = json.loads((data / "demo.json").read_text())
    assert set(demo) == {"url", "operator", "tenant"}
    assert set(demo["operator"]) == {"email", "password"}
    assert set(demo["tenant"]) == {"name", "domain", "api_key"}
    assert stat.S_IMODE((data / "demo.json").stat().st_mode) == 0o600
    assert stat.S_IMODE((data / "demo-keys.json").stat().st_mode) == 0o600
    user = authenticate(None, email=demo["operator"]["email"], password=demo["operator"]["password"])
    assert user == User.objects.get(role=User.Role.ADMINISTRATOR)
    for tenant, plain in json.loads((data / "demo-keys.json").read_text()).items():
        key = recognise(plain, "127.0.0.1", now())
        assert isinstance(key, Key)
        assert key.tenant_name == tenant
        assert len(key.scopes) == 5


def test_seeding_again_changes_nothing(data: Path) -> None:
    seed.everything(data)
    before, demo = rows(), (data / "demo.json").read_text()
    seed.everything(data)
    assert rows() == before
    assert (data / "demo.json").read_text() == demo


def test_what_an_operator_changed_stays_changed(data: Path) -> None:
    seed.everything(data)
    Pool.objects.get(name="shared-marketing").members.all().delete()
    Tenant.objects.filter(name="lumen").update(title="Lumen & Co")
    Stream.objects.filter(tenant__name="lumen").delete()
    seed.everything(data)
    assert not Pool.objects.get(name="shared-marketing").members.exists()
    assert Tenant.objects.get(name="lumen").title == "Lumen & Co"
    assert not Stream.objects.filter(tenant__name="lumen").exists()


def test_lost_demo_files_give_a_new_login_and_revoke_the_lost_keys(data: Path) -> None:
    seed.everything(data)
    old = json.loads((data / "demo-keys.json").read_text())
    (data / "demo.json").unlink()
    (data / "demo-keys.json").unlink()
    seed.everything(data)
    forget_cached()
    demo = json.loads((data / "demo.json").read_text())
    assert authenticate(None, email=demo["operator"]["email"], password=demo["operator"]["password"])
    assert isinstance(recognise(demo["tenant"]["api_key"], "127.0.0.1", now()), Key)
    assert not isinstance(recognise(old["harbour"], "127.0.0.1", now()), Key)
    assert ApiKey.objects.filter(revoked_at=None).count() == 3


def test_another_port_changes_the_url_and_keeps_login_and_key(data: Path, settings: Any) -> None:
    seed.everything(data)
    before = json.loads((data / "demo.json").read_text())
    settings.PUBLIC_URL = "http://127.0.0.1:9000"
    seed.everything(data)
    after = json.loads((data / "demo.json").read_text())
    assert after == {**before, "url": "http://127.0.0.1:9000"}


def test_the_simulated_dns_vouches_for_the_demo(data: Path) -> None:
    seed.everything(data)
    zones = json.loads((data / "sandbox" / "zones.json").read_text())
    assert zones["4.1.10.127.in-addr.arpa"] == {"PTR": ["mta-14.north-1.platform.example"]}
    assert zones["mta-14.north-1.platform.example"]["A"] == ["127.10.1.4"]
    assert "ip4:127.10.2.4" in zones["bounces.platform.example"]["TXT"][0]
    assert zones["_dmarc.harbourbank.example"]["TXT"][0].startswith("v=DMARC1")
    for key in DkimKey.objects.select_related("domain").exclude(domain__name=seed.FLAWED_DOMAIN):
        assert zones[f"{key.selector}._domainkey.{key.domain.name}"]["TXT"] == [key.public_record]


def test_live_has_no_demo_and_tells_the_first_password_once(data: Path, settings: Any, capsys: pytest.CaptureFixture[str]) -> None:
    settings.MAIL_MODE = "live"
    seed.everything(data)
    told = capsys.readouterr().out
    assert not Tenant.objects.exists()
    assert not (data / "demo.json").exists()
    assert not SendingIP.objects.filter(address__startswith="127.").exists()
    password = told.split("password ")[1].split()[0]
    assert authenticate(None, email=seed.OPERATOR, password=password)
    seed.everything(data)
    assert "password" not in capsys.readouterr().out
    assert all(password not in file.read_text(errors="replace") for file in data.rglob("*") if file.is_file())


def test_every_periodic_job_has_one_schedule(data: Path) -> None:
    schedules.register()
    schedules.register()
    upkeep = Schedule.objects.get(func="delivery.jobs.maintain")
    assert (upkeep.cluster, upkeep.schedule_type, upkeep.minutes, upkeep.repeats) == ("jobs", Schedule.MINUTES, 1, -1)
    Schedule.objects.create(name="periodic: gone.jobs.old", func="gone.jobs.old", cluster="jobs", minutes=1, schedule_type=Schedule.MINUTES)
    Schedule.objects.create(name="an operator's own", func="gone.jobs.old", cluster="jobs", minutes=1, schedule_type=Schedule.MINUTES)
    schedules.register()
    assert set(Schedule.objects.filter(func="gone.jobs.old").values_list("name", flat=True)) == {"an operator's own"}
