"""The console's template tags: formats, states, navigation, charts, live fragments, confirm-and-undo. Words and markup only, no decisions."""

from datetime import UTC, datetime
from typing import Any

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from mailplatform.shell import charts, confirm, formats, navigation
from mailplatform.shell.clock import now
from mailplatform.shell.live import EVERY_S
from mailplatform.shell.permissions import Permission
from mailplatform.shell.permissions import may as is_granted
from mailplatform.shell.states import look_of

register = template.Library()

for _words in ("number", "bounded", "percent", "duration", "milliseconds", "size", "rate", "day", "plural"):
    register.filter(_words, getattr(formats, _words))


# -- times: relative or clock, with the exact one in the title ---------------------------------------------------------------
@register.filter
def clock(at: datetime | None) -> SafeString:
    return _time(at, formats.clock(at))


@register.filter
def precise(at: datetime | None) -> SafeString:
    return _time(at, formats.clock(at, precise=True))


@register.filter
def moment(at: datetime | None) -> SafeString:
    return _time(at, formats.moment(at, now()))


@register.filter
def age(at: datetime | None) -> SafeString:
    return _time(at, formats.age(at, now()))


@register.filter
def due(at: datetime | None) -> SafeString:
    return _time(at, formats.due(at, now()))


@register.filter
def clock_ms(at: datetime | None) -> str:
    """14:31:58.204, for where a <time> stands already."""
    return formats.clock(at, precise=True)


@register.filter
def since(at: datetime | None, start: datetime) -> str:
    """+ 31 ms, counted from `start`."""
    return formats.NOT_KNOWN if at is None else f"+ {formats.duration((at - start).total_seconds())}"


def _time(at: datetime | None, words: str) -> SafeString:
    if at is None:
        return SafeString(words)
    return format_html('<time datetime="{}" title="{}">{}</time>', at.astimezone(UTC).isoformat(timespec="milliseconds"), formats.exact(at), words)


@register.filter
def figure(value: Any, unit: str = "") -> SafeString:
    """A number with its unit beside it, both in their own look. Takes a Figure, or a number's words and the unit."""
    shown = value if isinstance(value, formats.Figure) else formats.Figure(str(value), unit)
    return format_html('{} <span class="unit">{}</span>', shown.number, shown.unit) if shown.unit else SafeString(format_html("{}", shown.number))


@register.filter
def duration_figure(seconds: float | None) -> SafeString:
    return figure(formats.duration_figure(seconds))


# -- states ------------------------------------------------------------------------------------------------------------
@register.simple_tag
def mark(state: str, named: str = "") -> SafeString:
    """A state's mark. Beside its word it is decoration; alone it needs `named`."""
    look = look_of(state)
    name = format_html('role="img" aria-label="{}"', named) if named else SafeString('aria-hidden="true"')
    return format_html('<svg class="mark" data-state="{0}" {1}><use href="#{0}"/></svg>', look, name)


@register.simple_tag
def badge(word: str, look: str = "") -> SafeString:
    """A state in colour, shape and word."""
    state = look_of(look or word)
    return format_html('<span class="badge" data-state="{0}"><svg class="mark" aria-hidden="true"><use href="#{0}"/></svg>{1}</span>', state, word)


@register.filter
def look(word: str) -> str:
    return str(look_of(word))


@register.simple_tag
def purpose(name: str, words: str = "") -> SafeString:
    return format_html('<span class="purpose" data-purpose="{}">{}</span>', name, words or name)


@register.simple_tag
def icon(name: str) -> SafeString:
    return format_html('<svg class="icon" aria-hidden="true"><use href="#{}"/></svg>', name)


# -- shell ---------------------------------------------------------------------------------------------------------------
@register.simple_tag(takes_context=True)
def navigation_groups(context: template.Context) -> list[navigation.ShownGroup]:
    request: HttpRequest | None = context.get("request")
    return navigation.groups_for(request) if request is not None and hasattr(request, "user") else []


@register.simple_tag
def search_url() -> str:
    return navigation.search_url()


@register.simple_tag
def home_url() -> str:
    return navigation.home_url()


@register.simple_tag
def mode_word() -> str:
    return str(settings.MAIL_MODE).capitalize()


@register.simple_tag
def time_now() -> datetime:
    return now()


@register.simple_tag(takes_context=True)
def may(context: template.Context, permission: str) -> bool:
    """Whether the person who looks has a permission: `{% may "steer" as steers %}`."""
    return is_granted(context["request"].user, Permission(permission))


# -- pieces --------------------------------------------------------------------------------------------------------------
@register.simple_tag
def chart(drawn: charts.Chart, panel: bool = True) -> SafeString:
    return charts.render(drawn, panel)


@register.simple_tag
def sparkline(values: list[float | None], look: str = "quiet", label: str = "") -> SafeString:
    return charts.sparkline(values, look, label)


@register.simple_tag
def meter(part: float, whole: float, look: str = "quiet", label: str = "") -> SafeString:
    return charts.meter(part, whole, look, label)


@register.simple_tag
def live(url_name: str, *args: Any, every: float = EVERY_S) -> SafeString:
    """The attributes of a live fragment's root element (shell.live)."""
    return format_html('hx-get="{}" hx-trigger="tick" hx-swap="outerHTML" data-live="{}"', reverse(url_name, args=args), every)


@register.simple_tag
def admin_button(view: str, words: str, *args: Any) -> SafeString:
    """A button to the admin's page, where the admin has one."""
    url = _admin_url(view, args)
    return format_html('<a class="btn" href="{}">{}</a>', url, words) if url else SafeString("")


@register.simple_tag
def admin_link(view: str, words: Any, *args: Any) -> SafeString:
    """A link to the admin's page; words alone where the admin has none."""
    url = _admin_url(view, args)
    return format_html('<a href="{}">{}</a>', url, words) if url else format_html("{}", words)


def _admin_url(view: str, args: tuple[Any, ...]) -> str:
    try:
        return reverse(f"admin:{view}", args=args)
    except NoReverseMatch:
        return ""


@register.inclusion_tag("shell/paging.html")
def paging(page: Any, words: str = "") -> dict[str, Any]:
    return {"page": page, "words": words}


@register.inclusion_tag("shell/confirm.html", takes_context=True)
def confirm_action(
    context: template.Context,
    url: str,
    button: str,
    question: str,
    consequence: str = "",
    danger: bool = False,
    leave: str = "Leave it",
    first: bool = False,
    **fields: Any,
) -> dict[str, Any]:
    """A button that opens a sentence that says what will happen, with the button that does it. More arguments become hidden fields."""
    return {
        "request": context["request"], "csrf_token": context.get("csrf_token"), "url": url, "button": button, "question": question,
        "consequence": consequence, "danger": danger, "leave": leave, "first": first, "fields": fields,
    }  # fmt: skip


@register.simple_tag(takes_context=True)
def undo_offer(context: template.Context) -> confirm.Offer | None:
    request = context.get("request")
    return confirm.open_offer(request) if request is not None and hasattr(request, "session") and not request.headers.get("HX-Request") else None
