"""Errors in short, for logs, notices and pages. Pure."""


def short(error: BaseException, most: int = 200) -> str:
    """Its first line; its name when it has nothing to say."""
    words = str(error).strip().splitlines()
    return words[0][:most] if words else type(error).__name__
