"""How long a run waits."""

from __future__ import annotations

import msgspec


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """How long to wait, in seconds; None waits for ever.

    `connect`: until the server answers the connection. `first`: from the request to the first content
    (a slow model reads a long prompt first). `between`: from one piece of content to the next; keep-alives
    do not count. `total`: the whole run.
    """

    connect: float | None = 10.0
    first: float | None = 300.0
    between: float | None = 120.0
    total: float | None = None

    @classmethod
    def of(cls, timeout: float | Timeouts | None, otherwise: Timeouts | None = None) -> Timeouts:
        """Seconds for the whole run, or all four limits; `otherwise` where nothing is said."""
        if timeout is None:
            return otherwise or cls()
        return timeout if isinstance(timeout, Timeouts) else cls(total=timeout)
