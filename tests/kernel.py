"""A real kernel for tests: runs cells and gives back what a notebook would have got."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from jupyter_client.manager import start_new_kernel


@dataclass
class Cell:
    """One executed cell. `sizes` holds the bytes of every IOPub message by type, in order."""

    status: str = ""
    outputs: list[dict[str, Any]] = field(default_factory=list)
    messages: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[tuple[str, int]] = field(default_factory=list)

    @property
    def printed(self) -> str:
        return "".join(o["text"] for o in self.outputs if o["output_type"] == "stream")

    @property
    def error(self) -> str:
        lines = [o["traceback"] for o in self.outputs if o["output_type"] == "error"]
        return "\n".join(line for traceback in lines for line in traceback)

    @property
    def result(self) -> str:
        """The `text/plain` of what the cell showed last."""
        shown = [o["data"] for o in self.outputs if "data" in o]
        return shown[-1]["text/plain"] if shown else ""


class TestKernel:
    __test__ = False

    def __init__(self, env: dict[str, str] | None = None) -> None:
        options = {"env": env} if env else {}
        self.shown: dict[str, dict[str, Any]] = {}
        self.manager, self.client = start_new_kernel(60, "python3", **options)

    def start(self, code: str, cell: str = "") -> str:
        """Starts a cell; one that has an id is a person's notebook's, else a program runs it."""
        session, content = (
            self.client.session,
            {"code": code, "silent": False, "stop_on_error": True},
        )
        message = session.msg("execute_request", content, metadata={"cellId": cell} if cell else {})
        self.client.shell_channel.send(message)
        return message["header"]["msg_id"]

    def finish(self, message_id: str, timeout: float = 60) -> Cell:
        """What the cell of `message_id` gave, once it is done."""
        cell = Cell()
        deadline = time.monotonic() + timeout
        while True:
            message = self.client.get_iopub_msg(timeout=deadline - time.monotonic())
            kind, content = message["msg_type"], message["content"]
            cell.messages.append(message)
            cell.sizes.append((kind, len(self.client.session.pack(content)) + 500))
            if kind in ("stream", "error", "execute_result", "display_data"):
                output = {**content, "output_type": kind}
                cell.outputs.append(output)
                if key := content.get("transient", {}).get("display_id"):
                    self.shown[key] = output
            elif kind == "update_display_data":
                self.shown[content["transient"]["display_id"]].update(content)
            elif (
                kind == "status"
                and content["execution_state"] == "idle"
                and message["parent_header"].get("msg_id") == message_id
            ):
                break
        while True:
            reply = self.client.get_shell_msg(timeout=10)
            if reply["parent_header"].get("msg_id") == message_id:
                cell.status = reply["content"]["status"]
                return cell

    def run(self, code: str, timeout: float = 60, cell: str = "") -> Cell:
        return self.finish(self.start(code, cell), timeout)

    def interrupt(self) -> None:
        self.manager.interrupt_kernel()


@contextmanager
def kernel(env: dict[str, str] | None = None) -> Iterator[TestKernel]:
    running = TestKernel(env)
    try:
        yield running
    finally:
        running.client.stop_channels()
        running.manager.shutdown_kernel(now=True)
