"""What is wrong with a request, as a value: pure, so that parsers and checks need no web framework to say it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One field or header and what is wrong with it. `field` is a path like `messages[3].to[0]`, `headers.X-Foo`, `Idempotency-Key`."""

    field: str
    problem: str

    def within(self, prefix: str) -> "Problem":
        """The same problem seen from one level further out."""
        return Problem(f"{prefix}.{self.field}" if self.field else prefix, self.problem)
