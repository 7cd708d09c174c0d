"""The other policies: nothing, a fixed suspension on a block reply, and hourly sweeps. Each at its best: see the notes."""

import numpy as np

from tests.bench.hidden.simulate import IN_FLIGHT, Heard, Hidden, May, Odds, draw, until_first
from tests.bench.hidden.world import STEPS_PER_DAY, STEPS_PER_HOUR, Array, World


class Nothing:
    """Every path always sends its part."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.share = np.ones(world.shape, np.float32)

    def may(self, step: int) -> May:
        return May(self.share)

    def send(self, step: int, planned: Array, odds: Odds) -> tuple[Array, Array, Array]:
        return draw(self.world, step, planned, odds)

    def after(self, step: int, heard: Heard, hidden: Hidden) -> None:
        pass

    def acted(self) -> Array | None:
        return None


class Fixed(Nothing):
    """A block reply stops the path for so many hours, at once: what follows the first reply in a step is what was under way. Then it is back in full.

    A deferral stops nothing, whatever it says (some systems would); an outage is never taken for a block.
    """

    def __init__(self, world: World, hours: float) -> None:
        super().__init__(world)
        self.steps = int(hours * STEPS_PER_HOUR)
        self.until = np.zeros(world.shape, np.int32)

    def may(self, step: int) -> May:
        return May((step >= self.until).astype(np.float32))

    def send(self, step: int, planned: Array, odds: Odds) -> tuple[Array, Array, Array]:
        first = until_first(self.world, step, planned, odds.refused * odds.for_good + odds.stray)
        stops = first <= planned
        made = np.where(stops, np.minimum(planned, first + IN_FLIGHT), planned)
        self.until[stops] = step + 1 + self.steps
        return draw(self.world, step, made, odds)

    def after(self, step: int, heard: Heard, hidden: Hidden) -> None:
        self.until = np.where((heard.blocked >= 1.0) & (self.until <= step), step + 1 + self.steps, self.until)


class Sweep(Nothing):
    """Every hour: more than 3 % bounced slows a path to half, more than 10 % stops it for four hours; complaints likewise at 0.2 % and 0.5 %.

    Refusals for good count as bounces (else it would never see a block); complaints are those of a day, from 500 messages on.
    """

    FEWEST, FEWEST_OF_A_DAY = 30.0, 500.0

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.until = np.zeros(world.shape, np.int32)
        self.attempted, self.bounced = np.zeros(world.shape, np.float32), np.zeros(world.shape, np.float32)
        self.day_attempted, self.day_complaints = np.zeros(world.shape, np.float32), np.zeros(world.shape, np.float32)
        self.slow = np.ones(world.shape, np.float32)

    def may(self, step: int) -> May:
        return May(self.slow * (step >= self.until))

    def after(self, step: int, heard: Heard, hidden: Hidden) -> None:
        self.attempted += heard.attempted
        self.bounced += heard.bounced + heard.blocked
        fades = np.float32(1 - 1 / STEPS_PER_DAY)
        self.day_attempted = self.day_attempted * fades + heard.attempted
        self.day_complaints = self.day_complaints * fades + heard.complaints
        if (step + 1) % STEPS_PER_HOUR:
            return
        bounces = np.where(self.attempted >= self.FEWEST, self.bounced / np.maximum(self.attempted, 1), 0)
        complaints = np.where(self.day_attempted >= self.FEWEST_OF_A_DAY, self.day_complaints / np.maximum(self.day_attempted, 1), 0)
        stop = (bounces > 0.10) | (complaints > 0.005)
        self.until = np.where(stop, step + 1 + 4 * STEPS_PER_HOUR, self.until)
        self.slow = np.where((bounces > 0.03) | (complaints > 0.002), 0.5, 1.0).astype(np.float32)
        self.attempted[:], self.bounced[:] = 0, 0
