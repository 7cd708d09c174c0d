"""Telling: channels by which people hear of incidents, whoever else is down: mail by a route of its own, webhooks, chat, pager."""
