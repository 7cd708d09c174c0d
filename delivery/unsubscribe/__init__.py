"""One-click unsubscribe (RFC 8058, RFC 2369): the fields that mail carries, the page that they lead to, and what a click does.

`token` names a delivery, `offer` writes the fields, `act` does what was asked for, `page` serves it to strangers, `console` shows tenants what
their mail carries.
"""
