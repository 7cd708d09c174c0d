"""Forms of channels, the mail route and the heartbeat. Secrets go in and never come back: a field of one is empty, also after an error."""

from typing import Any

from django import forms

from monitoring.telling import hours
from monitoring.telling.channels import Wish
from monitoring.telling.models import Channel, MailRoute
from monitoring.telling.secret import ROUTING, URL

KEPT = "Unchanged if left empty."


class SecretInput(forms.TextInput):
    """What was typed is never in a page again."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        return super().get_context(name, None, {**(attrs or {}), "autocomplete": "off", "spellcheck": "false"})


def _time(label: str) -> forms.TimeField:
    return forms.TimeField(label=label, required=False, widget=forms.TimeInput(format="%H:%M", attrs={"type": "time"}))


class ChannelForm(forms.Form):
    """Of one kind; only the fields that it needs."""

    name = forms.CharField(label="Name", max_length=80, help_text="How people know it: “Night shift”, “#operations”.")
    address = forms.CharField(label="Mail addresses", max_length=300, help_text="Separated by commas.")
    routing_key = forms.CharField(label="Routing key", max_length=200, widget=SecretInput)
    url = forms.CharField(label="URL", max_length=2000, widget=SecretInput)
    weekdays = forms.TypedMultipleChoiceField(
        label="On call on", required=False, coerce=int, choices=list(enumerate(hours.DAYS, 1)), widget=forms.CheckboxSelectMultiple,
        help_text="None chosen: every day.",
    )  # fmt: skip
    from_time, until_time = _time("From, UTC"), _time("Until, UTC")
    per_hour = forms.IntegerField(label="At most an hour", min_value=1, max_value=1000, initial=60, help_text="Of incidents; one more says how many more.")
    tells_resolved = forms.BooleanField(label="Tell the end of incidents too", required=False, initial=True)

    def __init__(self, kind: str, channel: Channel | None = None, data: Any = None) -> None:
        super().__init__(data, initial=None if channel is None else _shown(channel))
        self.kind, self.channel = kind, channel
        kinds = Channel.Kind
        needed = {kinds.EMAIL: {"address"}, kinds.PAGERDUTY: {"routing_key", "url"}}.get(kinds(kind), {"url"})
        for name in {"address", "routing_key", "url"} - needed:
            del self.fields[name]
        if URL in self.fields:
            help_text = {
                kinds.PAGERDUTY: "Of another service that understands PagerDuty's Events API v2; empty: PagerDuty's own.",
                kinds.SLACK: "The incoming webhook's URL. It is a secret: whoever has it can write there.",
                kinds.WEBHOOK: "https. It gets JSON that is signed; the secret for it is shown once.",
            }[kinds(kind)]
            self.fields[URL].help_text = f"{KEPT} {help_text}" if channel else help_text
            self.fields[URL].required = channel is None and kind != kinds.PAGERDUTY
        if ROUTING in self.fields and channel is not None:
            self.fields[ROUTING].required, self.fields[ROUTING].help_text = False, KEPT

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        start, end = given.get("from_time"), given.get("until_time")
        if (start is None) != (end is None):
            self.add_error("until_time" if end is None else "from_time", "Give both, or neither for all day.")
        elif start is not None and start == end:
            self.add_error("until_time", "That is all day: leave both empty.")
        return given

    def wish(self) -> Wish:
        given = self.cleaned_data
        secrets = {name: given[name] for name in (URL, ROUTING) if given.get(name)}
        return Wish(
            given["name"], self.kind, given.get("address", ""), secrets, self.channel.enabled if self.channel else True, given["tells_resolved"],
            given["weekdays"], given["from_time"], given["until_time"], given["per_hour"],
        )  # fmt: skip


def _shown(channel: Channel) -> dict[str, Any]:
    names = ("name", "address", "weekdays", "from_time", "until_time", "per_hour", "tells_resolved")
    return {name: getattr(channel, name) for name in names}


class MailRouteForm(forms.Form):
    host = forms.CharField(label="Mail server", max_length=255, required=False, help_text="Not this platform. Empty: no mail is sent.")
    port = forms.IntegerField(label="Port", min_value=1, max_value=65_535, initial=587)
    security = forms.ChoiceField(label="Security", choices=MailRoute.Security.choices)
    sender = forms.EmailField(label="From address", required=False)
    user = forms.CharField(label="User", max_length=200, required=False, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    password = forms.CharField(label="Password", required=False, help_text=KEPT, widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}))

    def __init__(self, row: MailRoute | None, data: Any = None) -> None:
        names = ("host", "port", "security", "sender", "user")
        super().__init__(data, initial={name: getattr(row, name) for name in names} if row else None, prefix="route")

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if given.get("host") and not given.get("sender") and "sender" not in self.errors:
            self.add_error("sender", "Mail needs a From address.")
        return given


class HeartbeatForm(forms.Form):
    url = forms.CharField(label="URL", max_length=2000, required=False, widget=SecretInput)
    every_s = forms.IntegerField(label="Every, seconds", min_value=10, max_value=3600)

    def __init__(self, every_s: int, has_url: bool, data: Any = None) -> None:
        super().__init__(data, initial={"every_s": every_s}, prefix="heartbeat")
        self.fields["url"].help_text = KEPT if has_url else "It gets a GET as long as the platform is measured."
