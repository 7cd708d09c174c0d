"""How mail hosts have to prove who they are: MTA-STS, DANE, and what is known of broken TLS (docs/smtp.md)."""
