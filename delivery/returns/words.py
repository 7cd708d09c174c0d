"""Words: what came back, told in a sentence: on the message's page, in the API's events, to webhooks. Pure."""

from delivery.returns.finding import Counted

TITLES = {
    Counted.HARD_BOUNCE: "hard bounces",
    Counted.SOFT_BOUNCE: "soft bounces",
    Counted.OURS: "bounces for our addresses' fault",
    Counted.COMPLAINT: "complaints",
    Counted.AUTO_REPLY: "answers of machines",
    Counted.UNSUBSCRIBED: "unsubscribed by mail",
    Counted.DELAYED: "warnings of a delay",
    Counted.RELAYED: "reports of success",
    Counted.REPORT: "other feedback reports",
    Counted.UNKNOWN: "not understood",
    Counted.REPLAYED: "told again",
    Counted.FORGED: "forged return paths",
    Counted.NAMELESS: "named no delivery",
    Counted.TOO_OLD: "about mail that is too old",
    Counted.NOT_THERE: "about mail that is not there",
    Counted.REFUSED: "to addresses that are not ours",
}
MEANS = {
    Counted.HARD_BOUNCE: "The recipient or the message was refused for good: the delivery is bounced; an address that takes no mail is suppressed.",
    Counted.SOFT_BOUNCE: "The provider had taken it and gave up, or said why in words that mean nothing for good: told, and nothing more.",
    Counted.OURS: "Refused for a sending IP's name or the like: the path's, never the tenant's.",
    Counted.COMPLAINT: "A person pressed the spam button: the address is suppressed for that tenant.",
    Counted.AUTO_REPLY: "Absence notes, tickets, challenges: told on the message's page.",
    Counted.UNSUBSCRIBED: "Mail to the address in List-Unsubscribe.",
    Counted.DELAYED: "The provider is still trying.",
    Counted.RELAYED: "Delivered, relayed or expanded.",
    Counted.REPORT: "Not spam after all, authentication failures and the like.",
    Counted.UNKNOWN: "It names a delivery and says nothing that a machine understands: people answering, mostly.",
    Counted.REPLAYED: "The same again about the same delivery.",
    Counted.FORGED: "An address in the form of a return path that we did not sign; refused.",
    Counted.NAMELESS: "A report without a token of ours, or whose token proves nothing.",
    Counted.TOO_OLD: "Return paths are believed for RETURN_PATH_DAYS.",
    Counted.NOT_THERE: "History has forgotten the delivery, or it was never sent.",
    Counted.REFUSED: "Refused: nobody lives there.",
}


def sentence(what: Counted, reporter: str, words: str, reason: str, suppresses: bool, feedback: str = "") -> str:
    """One or two; `words` are the reporter's own."""
    who = reporter or "Somebody"
    quoted = f" “{words}”." if words else ""
    joined = " The address joined the suppression list." if suppresses else ""
    because = reason.partition(".")[2].replace("_", " ") or reason
    match what:
        case Counted.COMPLAINT:
            return f"{who} reports that the recipient complained ({feedback or 'abuse'}).{joined}"
        case Counted.AUTO_REPLY:
            return f"A machine answered:{quoted or ' nothing.'}"
        case Counted.OURS:
            return f"{who} had taken it and sent it back for our infrastructure's fault, {because}.{quoted}"
        case Counted.HARD_BOUNCE:
            return f"{who} had taken it and sent it back for good, {because}.{quoted}{joined}"
        case Counted.SOFT_BOUNCE:
            return f"{who} had taken it and sent it back, {because}.{quoted}"
    return f"{who} sent something back.{quoted}"
