"""The one exception of this layer: no session came to be."""

from delivery.smtp.wire import Failure, Phase, Reply


class ConnectFailure(Exception):
    """In which phase, how, with which reply of the peer (where one decided), and a few words for people."""

    def __init__(self, phase: Phase, failure: Failure, reply: Reply | None = None, detail: str = "") -> None:
        super().__init__(phase, failure, reply, detail)
        self.phase = phase
        self.failure = failure
        self.reply = reply
        self.detail = detail
        self.host = ""  # whose it was, where the caller says it
        self.wait_s = 0.0  # for how long nobody need try again

    def __str__(self) -> str:
        said = self.detail or (self.reply.text if self.reply else "")
        return f"{self.phase.value}: {self.failure.value}{': ' + said if said else ''}"
