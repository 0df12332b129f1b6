"""IPython's shell, where one runs this code. This is the one room that imports IPython."""

from __future__ import annotations

import sys
from typing import Any


def request() -> dict[str, Any]:
    """The message that asked for the running cell."""
    here = shell()
    return here.get_parent() if hasattr(here, "get_parent") else {}


def execution_count() -> int | None:
    """The number of the running cell."""
    return getattr(shell(), "execution_count", None)


def shell() -> Any:
    if "IPython" not in sys.modules:
        return None
    from IPython.core.getipython import get_ipython

    return get_ipython()


def show_data(data: dict[str, Any], display_id: str | None = None) -> None:
    """Show `data` by type in the running cell, to be updated under `display_id`."""
    from IPython.display import display

    display(data, raw=True, display_id=display_id)
