"""What the first cell of a session needs is fetched when nbstream is loaded, while the user still types."""

from __future__ import annotations

import importlib
import logging
from contextlib import suppress
from typing import Any

from nbstream.runs.portal import aside

_logger = logging.getLogger("nbstream")


def warm_up_after_this_cell(shell: Any) -> None:
    """Load the libraries and send the front end to the page, in the background; only where a page is."""
    if not hasattr(shell, "kernel"):
        return

    def once(_: Any) -> None:
        with suppress(ValueError):
            shell.events.unregister("post_run_cell", once)
        seen = bool((shell.get_parent() or {}).get("metadata"))
        aside(lambda: _warm_up(seen))

    shell.events.register("post_run_cell", once)


def _warm_up(seen: bool) -> None:
    try:
        importlib.import_module("nbstream.widgets.stream")
        if seen:
            # A program that runs the notebook would only save it.
            from nbstream.widgets.base import Runtime

            Runtime.shared()
        from nbstream.adapters.transport import http

        for name in ("nbstream.api", "nbstream.hosts.output"):
            importlib.import_module(name)
        http.load(verify=False)
    except Exception:  # whoever needs it will meet the same, and be told
        _logger.debug("nothing was loaded ahead", exc_info=True)
