"""Which addresses mail may be sent to: the platform's one policy for strangers' addresses (`mailplatform.shell.addresses`)."""

from mailplatform.shell.addresses import NEVER_PUBLIC, AddressPolicy, Network

__all__ = ["NEVER_PUBLIC", "AddressPolicy", "Network"]
