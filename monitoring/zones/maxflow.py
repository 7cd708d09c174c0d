"""How much can flow through a network of bounded edges, those that matter most first. Pure: Dinic's algorithm on whole numbers.

Y. Dinitz, 1970; https://cp-algorithms.com/graph/dinic.html. What once flows out of a source's edge is never taken back by a later `push`.
"""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field

UNBOUNDED = 1 << 60


@dataclass(slots=True)
class Network:
    """Vertices are any hashable things; `edge` returns a number to ask `flow` with."""

    _to: list[int] = field(default_factory=list)
    _left: list[int] = field(default_factory=list)
    _first: list[int] = field(default_factory=list)
    _out: list[list[int]] = field(default_factory=list)
    _numbers: dict[Hashable, int] = field(default_factory=dict)

    def edge(self, start: Hashable, end: Hashable, most: int) -> int:
        at = len(self._to)
        for one, other, left in ((start, end, most), (end, start, 0)):
            self._out[self._number(one)].append(len(self._to))
            self._to.append(self._number(other))
            self._left.append(left)
            self._first.append(left)
        return at

    def flow(self, edge: int) -> int:
        return self._first[edge] - self._left[edge]

    def push(self, source: Hashable, sink: Hashable) -> None:
        """As much more as goes."""
        start, end = self._number(source), self._number(sink)
        while (levels := self._levels(start, end)) is not None:
            turn = [0] * len(self._out)
            while self._one_way(start, end, levels, turn):
                pass

    def _number(self, vertex: Hashable) -> int:
        if vertex not in self._numbers:
            self._numbers[vertex] = len(self._out)
            self._out.append([])
        return self._numbers[vertex]

    def _levels(self, start: int, end: int) -> list[int] | None:
        levels = [-1] * len(self._out)
        levels[start] = 0
        line = deque([start])
        while line:
            at = line.popleft()
            for edge in self._out[at]:
                if self._left[edge] > 0 and levels[self._to[edge]] < 0:
                    levels[self._to[edge]] = levels[at] + 1
                    line.append(self._to[edge])
        return levels if levels[end] >= 0 else None

    def _one_way(self, start: int, end: int, levels: list[int], turn: list[int]) -> bool:
        """One path from start to end along rising levels, filled to its narrowest edge; False: there is none any more."""
        way: list[int] = []
        at = start
        while at != end:
            while turn[at] < len(self._out[at]):
                edge = self._out[at][turn[at]]
                if self._left[edge] > 0 and levels[self._to[edge]] == levels[at] + 1:
                    way.append(edge)
                    at = self._to[edge]
                    break
                turn[at] += 1
            else:
                if not way:
                    return False
                at = self._to[way.pop() ^ 1]
                turn[at] += 1
        narrowest = min(self._left[edge] for edge in way)
        for edge in way:
            self._left[edge] -= narrowest
            self._left[edge ^ 1] += narrowest
        return True
