"""The checkouts of nbstream that one run measures: this one and, with `--against PATH`, another beside it."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parents[1]


class Checkout(NamedTuple):
    """Where an nbstream lies, and what its rows are called."""

    name: str
    path: Path

    @property
    def env(self) -> dict[str, str]:
        """The environment of a kernel that imports this nbstream."""
        return {**os.environ, "PYTHONPATH": str(self.path)}

    @property
    def kernel(self) -> str:
        """The name of its kernelspec."""
        return "bench-" + self.name.replace(" ", "-")

    def write_kernelspec(self, kernels: Path) -> None:
        spec = {
            "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            "display_name": self.name,
            "language": "python",
            "env": {"PYTHONPATH": str(self.path)},
        }
        folder = kernels / self.kernel
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "kernel.json").write_text(json.dumps(spec))


def checkouts(against: Path | None) -> list[Checkout]:
    """This checkout first."""
    found = [Checkout("nbstream", HERE)]
    if against is not None:
        found.append(Checkout("the other nbstream", against.resolve()))
    for each in found:
        if not (each.path / "nbstream/static/nbstream.js").exists():
            raise SystemExit(f"{each.path}: its front end is not built, run `make build` there.")
    return found


def arguments(doc: str, rounds: int) -> argparse.ArgumentParser:
    """What every bench takes."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="another checkout, measured in turn with this"
    )
    parser.add_argument(
        "--rounds", type=int, default=rounds, help=f"how often each is measured (default {rounds})"
    )
    return parser
