"""Waiting for a run, on an event loop or on a thread, so that interrupts and callbacks are heard."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable

from .callbacks import Listener
from .loops import running_loop

#: Seconds between two looks for an interrupt.
INTERRUPT_INTERVAL = 0.1

#: Takes what to call once something has happened; False where it has happened already.
Register = Callable[[Callable[[], None]], bool]


async def woken(register: Register) -> None:
    """Wait until `register` wakes us, from whatever thread."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[None] = loop.create_future()

    def settle() -> None:
        if not future.done():
            future.set_result(None)

    def wake() -> None:
        if running_loop() is loop:
            settle()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(settle)

    if not register(wake):
        return
    if threading.current_thread() is not threading.main_thread():
        await future
    # A kernel's interrupt marks a future and does not wake the loop, which has nothing else to do: look up.
    while not future.done():
        await asyncio.wait({future}, timeout=INTERRUPT_INTERVAL)


def wait(event: threading.Event, timeout: float | None, listeners: list[Listener]) -> bool:
    """`event.wait` that an interrupt reaches on every platform, and in which callbacks go on."""
    deadline = float("inf") if timeout is None else time.monotonic() + timeout
    often = 0.02 if listeners else 0.1
    while not event.wait(max(min(often, deadline - time.monotonic()), 0)):
        for listener in listeners:
            listener.drain()
        if time.monotonic() >= deadline:
            return event.is_set()
    return True
