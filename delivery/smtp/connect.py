"""Opening a session: socket, greeting, EHLO, STARTTLS, AUTH."""

from delivery.smtp.wire import Failure, Phase, Reply


class ConnectFailure(Exception):
    """No session came to be: in which phase, how, with which reply of the peer."""

    def __init__(self, phase: Phase, failure: Failure, reply: Reply | None = None, detail: str = "") -> None:
        super().__init__(f"{phase}: {failure}: {detail or (reply.text if reply else '')}")
        self.phase = phase
        self.failure = failure
        self.reply = reply
        self.detail = detail
