"""How large the batches of a load are: as large as is written in good time, since readers wait for a writer's turn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tovholder.store.bulk.sources import Item

# Resources of a batch. The most share the cost of a commit well; fewer than the least would be all commits.
MOST, LEAST = 500, 150
GOOD = 0.08  # seconds of a turn that hardly anybody notices


@dataclass(slots=True)
class Pace:
    """The size batches have now, by how long the turns of those before them took; between the least and the most."""

    size: int = MOST
    least: int = LEAST
    most: int = MOST

    def took(self, count: int, seconds: float) -> None:
        """A batch of so many was written in so long; smaller steps up and down than one slow turn would give."""
        if seconds > 0 and count >= self.least:
            fitting = count * GOOD / seconds
            self.size = max(self.least, min(self.most, round((3 * self.size + fitting) / 4)))

    def batches(self, items: Iterable[Item]) -> Iterator[list[Item]]:
        """The items in their order, each batch of the size that is right when it is begun."""
        batch: list[Item] = []
        size = self.size
        for item in items:
            batch.append(item)
            if len(batch) == size:
                yield batch
                batch, size = [], self.size
        if batch:
            yield batch
