"""DNS failover: names that point only to what lives.

`decide` (pure) says what a record set should be, `update` writes it as an RFC 2136 message, `publish` pushes it and finds out what became of it,
`authority` asks the authoritative servers, `pilot` does all of it, many times a second.
"""
