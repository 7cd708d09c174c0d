"""The DNS records that a domain needs, exactly as they are to be published. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from delivery.domains.keys import KeyState
from delivery.domains.plan import Plan

LONGEST_STRING = 255  # of one string of a TXT record (RFC 1035 §3.3.14)


class Need(StrEnum):
    REQUIRED = "required"
    RECOMMENDED = "recommended"
    OPTIONAL = "optional"
    REMOVABLE = "removable"


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `check` and `subject` name the check that looks at it; `ours`: the platform's operator publishes it, not the tenant."""

    check: str
    name: str
    type: str
    value: str
    need: Need
    why: str
    subject: str = ""
    ours: bool = False

    @property
    def strings(self) -> tuple[str, ...]:
        """A TXT value cut as DNS stores it; what reads it joins the strings without a space."""
        if self.type != "TXT":
            return (self.value,)
        return tuple(self.value[at : at + LONGEST_STRING] for at in range(0, len(self.value), LONGEST_STRING))

    @property
    def zone_line(self) -> str:
        """As a line of a zone file."""
        value = " ".join(f'"{part}"' for part in self.strings) if self.type == "TXT" else self.value + "."
        return f"{self.name}. IN {self.type} {value}"


def records_of(plan: Plan) -> tuple[Record, ...]:
    """What the tenant publishes, the most needed first, then what its operator has published."""
    found = [
        Record(
            "ownership", plan.ownership_name, "TXT", plan.ownership_value, Need.REQUIRED,
            "Proves that the domain is yours. Leave it there: it is looked at each day.",
        ),
        *_keys(plan),
        Record(
            "dmarc", f"_dmarc.{plan.name}", "TXT", "v=DMARC1; p=none", Need.REQUIRED,
            "Tells receivers what to do with mail that only claims to be yours. p=none changes nothing and is what the large providers ask for at least;"
            " add rua=mailto:… with an address that reads reports, then go to p=quarantine and p=reject. Keep a stricter policy that is there already.",
        ),
    ]  # fmt: skip
    if plan.own_return_path:
        found.append(
            Record(
                "own_return_path", plan.own_return_path, "CNAME", plan.return_path, Need.OPTIONAL,
                "Makes the return path a name of yours, so that SPF is aligned with From as well as DKIM is.",
            )
        )  # fmt: skip
    found.append(
        Record(
            "from_spf", plan.name, "TXT", f"v=spf1 include:{plan.return_path} ~all", Need.OPTIONAL,
            "Receivers ask SPF of the return path's domain, which is not this one: mail passes without this record. Some filters look for it all the same."
            " A domain has one SPF record at most: if there is one, put the include into it.",
        )
    )  # fmt: skip
    return (*found, *_platform(plan))


def _keys(plan: Plan) -> list[Record]:
    found = []
    for key in plan.keys:
        why = {
            KeyState.WAITING: "The key that will sign once this record is seen.",
            KeyState.ACTIVE: "The key that signs.",
            KeyState.LEAVING: "Signs no more, but mail that is still under way was signed with it: leave the record until then.",
            KeyState.REMOVABLE: "Signs no more, and no mail is under way: this record may be removed.",
        }[key.state]
        need = Need.REMOVABLE if key.state is KeyState.REMOVABLE else Need.REQUIRED if key.algorithm == "rsa-sha256" else Need.RECOMMENDED
        found.append(Record("dkim", f"{key.selector}._domainkey.{plan.name}", "TXT", key.record, need, why, key.selector))
    return found


def delegation_of(plan: Plan, record: Record) -> Record | None:
    """The same key by way of the operator's zone: the tenant publishes an alias once, and what it leads to is the operator's."""
    if record.check != "dkim" or not plan.dkim_zone or record.need is Need.REMOVABLE:
        return None
    target = f"{record.subject}.{plan.domain_id}.{plan.dkim_zone}"
    return Record("dkim", record.name, "CNAME", target, record.need, "In place of the TXT record: an alias to the platform's own zone.", record.subject)


def spf_of(plan: Plan) -> str:
    """What the return path's domain says: every sending IP by its number, which asks nothing of DNS (RFC 7208 §4.6.4)."""
    numbers = " ".join(f"ip{6 if ':' in ip.address else 4}:{ip.address}" for ip in plan.ips)
    return f"v=spf1 {numbers} -all" if numbers else "v=spf1 -all"


def _platform(plan: Plan) -> list[Record]:
    return [
        Record("spf", plan.return_path, "TXT", spf_of(plan), Need.REQUIRED,
               "SPF is asked of the return path's domain. These are the sending IPs of this tenant's pools; other tenants' may stand there too.", ours=True),
    ]  # fmt: skip
