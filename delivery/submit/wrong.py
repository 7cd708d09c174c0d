"""Wrong: how a reader of one field says that it cannot take it."""


class Wrong(ValueError):
    """What is wrong with a field, as a sentence; `at` is what follows the field's name in the path, like `[3]` or `.content`."""

    def __init__(self, problem: str, at: str = "") -> None:
        super().__init__(problem)
        self.at = at
