"""Samples of a stream in bounded memory: tokens over time, the current rate, the gaps between tokens."""

from __future__ import annotations

import math
from array import array


class Series:
    """Tokens counted in equal bins of time: never more than `MOST`, whatever the length of the run.

    `width` is the width of a bin in milliseconds. It starts at 50 and doubles, neighbours added up, each
    time the run outgrows the bins.
    """

    MOST = 1200

    def __init__(self) -> None:
        self.width: int = 50
        self.counts: list[int] = []

    def add(self, time: float, count: int) -> None:
        """`count` tokens arrived `time` seconds after the run began."""
        counts = self.counts
        place = int(time * 1000 + 0.001) // self.width
        while place >= self.MOST:
            counts[:] = [sum(counts[i : i + 2]) for i in range(0, len(counts), 2)]
            self.width *= 2
            place //= 2
        while place >= len(counts):
            counts.append(0)
        counts[place] += count

    def since(self, width: int, place: int) -> list[int]:
        """What somebody lacks who has the bins up to and with `place`, at `width`: [width, first, …].

        Saying the same bin twice is harmless: it holds a total.
        """
        first = max(place, 0) if width == self.width else 0
        return [self.width, first, *self.counts[first:]]


#: Waits are counted in bins, each this much wider than the one before; bin b ends at `GAP_BIN` × `GAP_GROWTH`^b
#: seconds.
GAP_BIN = 0.0001
GAP_GROWTH = 1.25
_STEP = math.log(GAP_GROWTH)


class Gaps:
    """The waits between neighbouring deltas, in seconds.

    Exact up to `MOST` of them; beyond that every second one is kept, then every fourth, and so on.
    `count`, `total` and `longest` are always exact.
    """

    MOST = 8192

    def __init__(self) -> None:
        self.count: int = 0
        self.total: float = 0.0
        self.longest: float = 0.0
        self._kept = array("d")
        self._bins: dict[int, int] = {}
        self._stride = 1

    def add(self, gap: float) -> None:
        if self.count % self._stride == 0:
            self._kept.append(gap)
            if len(self._kept) > self.MOST:
                self._kept = self._kept[::2]
                self._stride *= 2
        place = max(0, math.ceil(math.log(gap / GAP_BIN) / _STEP)) if gap > 0 else 0
        self._bins[place] = self._bins.get(place, 0) + 1
        self.count += 1
        self.total += gap
        if gap > self.longest:
            self.longest = gap

    def quantiles(self, *wanted: float) -> list[float | None]:
        """The values below which these shares lie, interpolated as numpy does; None before any gap."""
        values = sorted(self._kept)
        if not values:
            return [None for _ in wanted]
        found: list[float | None] = []
        for share in wanted:
            at = share * (len(values) - 1)
            low = int(at)
            high = min(low + 1, len(values) - 1)
            found.append(values[low] + (values[high] - values[low]) * (at - low))
        return found

    def histogram(self) -> list[tuple[int, int]]:
        """[bin, count] of each bin that is not empty."""
        return [(place, self._bins[place]) for place in sorted(self._bins)]


class CurrentRate:
    """An exponentially weighted rate with a time constant of one second, honest from the start."""

    SECONDS = 1.0

    def __init__(self) -> None:
        self._weight = 0.0
        self._began: float | None = None
        self._last = 0.0

    def add(self, time: float, count: int) -> None:
        if self._began is None:  # what comes at once says nothing about a rate
            self._began = self._last = time
            return
        self._weight = self._weight * math.exp((self._last - time) / self.SECONDS) + count
        self._last = time

    def at(self, time: float) -> float | None:
        """Per second, as of `time`; None before there is anything to measure."""
        if self._began is None or time <= self._began or not self._weight:
            return None
        seen = 1 - math.exp((self._began - time) / self.SECONDS)
        return self._weight * math.exp((self._last - time) / self.SECONDS) / (seen * self.SECONDS)
