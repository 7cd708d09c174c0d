"""SMTP towards the world: open a connection, keep it, talk over it for many messages (docs/smtp.md)."""
