"""Model servers written by others, run as processes on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

HERE = Path(__file__).parent
AIMOCK = HERE.parents[1] / "js/node_modules/@copilotkit/aimock/dist/cli.js"
PROXY_KEY = "sk-test-0123456789abcdef"


class ServerProcess:
    def __init__(self, command: list[str | Path], ready: str, **env: str) -> None:
        self._port = free_port()
        self._ready, self._log = ready, tempfile.TemporaryFile()  # noqa: SIM115
        self.process = subprocess.Popen(
            [*map(str, command), str(self._port)],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "DO_NOT_TRACK": "1", **env},
        )

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def wait(self, seconds: float = 240) -> str:
        """Its URL, once it answers."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(self.url + self._ready, trust_env=False).is_success:
                    return self.url
            except httpx.HTTPError:
                time.sleep(0.1)
        self._log.seek(0)
        raise RuntimeError(f"{self.process.args} did not start:\n{self._log.read().decode()}")

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._log.close()


def start_aimock() -> ServerProcess:
    node = shutil.which("node") or "node"
    fixtures = HERE / "aimock.json"
    return ServerProcess([node, AIMOCK, "-f", fixtures, "--strict", "-p"], "/health")


def start_litellm_proxy() -> ServerProcess:
    command = [
        Path(sys.executable).with_name("litellm"),
        *("--config", HERE / "litellm_proxy.yaml"),
        *("--host", "127.0.0.1", "--telemetry", "False", "--port"),
    ]
    return ServerProcess(command, "/health/liveliness")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]
