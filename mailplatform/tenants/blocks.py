"""Blocks: pieces of a tenant's page that other apps draw. The page knows none of them.

`register(block)` at import, by an app's `console`; `block(request, tenant)` gives markup, or nothing. They are drawn in the order of their number.
"""

from collections.abc import Callable

from django.http import HttpRequest
from django.utils.safestring import SafeString

from mailplatform.tenants.models import Tenant

Block = Callable[[HttpRequest, Tenant], SafeString | str]
_blocks: list[tuple[int, Block]] = []


def register(block: Block, order: int = 50) -> None:
    _blocks.append((order, block))


def blocks(request: HttpRequest, tenant: Tenant) -> list[SafeString | str]:
    return [drawn for _, block in sorted(_blocks, key=lambda each: each[0]) if (drawn := block(request, tenant))]
