"""Mail that comes in over SMTP: a listener that bounds what strangers may cost, and the services behind it.

`listener` owns sockets and their end, `conversation` and `session` one client's (aiosmtpd's, with our bounds), `gate` what all sessions together may take.
What is said to MAIL, RCPT, AUTH and a message is a Service's to decide (`service`); `submission` is one, delivery.returns has another.
"""
