"""The port for displays: what shows runs registers here, and what is shown asks here for who shows it.

This is the one place where what is below speaks to what is above: a stream does not know notebooks.
"""

from __future__ import annotations

from typing import Any, Protocol


class Host(Protocol):
    """A program that shows runs: a notebook, marimo, a terminal.

    What it shows is a `Stream`, a `Response`, a `StreamGroup` or a `StreamBatch`.
    """

    def is_here(self) -> bool:
        """Whether it runs this code."""
        ...

    def present(self, shown: Any, **options: Any) -> None:
        """Show it now, beside whatever else the running cell shows, and start it."""
        ...

    def display(self, shown: Any) -> object:
        """Show it as the value of a cell, unless the cell shows it already."""
        ...

    def holds(self, stream: Any) -> bool:
        """Whether something that the user wrote holds it. True where nobody can tell."""
        ...


_hosts: list[Host] = []


def register(host: Host) -> None:
    """Ask `host` after those that came before."""
    _hosts.append(host)


def current() -> Host | None:
    """The host that runs this code."""
    return next((host for host in _hosts if host.is_here()), None)


def present(shown: Any, **options: Any) -> None:
    if (host := current()) is not None:
        host.present(shown, **options)


def display(shown: Any) -> object:
    host = current()
    if host is None:
        print(repr(shown))
        return None
    return host.display(shown)


def holds(stream: Any) -> bool:
    host = current()
    return host is None or host.holds(stream)
