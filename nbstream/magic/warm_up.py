"""What the first prompt of a session needs is fetched by the cell that loads nbstream: it has time."""

from __future__ import annotations

import importlib
import logging
from contextlib import suppress
from typing import Any

_logger = logging.getLogger("nbstream")


def warm_up_after_this_cell(shell: Any) -> None:
    """Load the libraries at the end of the running cell, and send the front end to the page, where one is.

    Done in the background it would compete with the first prompt, and both would be slower.
    """
    if not hasattr(shell, "kernel"):
        return

    def once(_: Any) -> None:
        with suppress(ValueError):
            shell.events.unregister("post_run_cell", once)
        seen = bool((shell.get_parent() or {}).get("metadata"))
        _warm_up(seen)

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
