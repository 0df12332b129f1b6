"""Checks that a wheel carries what a user needs beside the code: the front end, the types, the licence.

python scripts/wheel.py dist/nbstream-*.whl
"""

from __future__ import annotations

import sys
from pathlib import Path
from zipfile import ZipFile

NEEDED = (
    "nbstream/__init__.pyi",
    "nbstream/py.typed",
    "nbstream/static/nbstream.css",
    "nbstream/static/nbstream.js",
    "nbstream/static/saved.js",
)
EXTENSION = ".data/data/share/jupyter/labextensions/nbstream/static/remoteEntry."
FOREIGN = ("tests/", "bench/", "js/", "docs/", "scripts/")


def flaws(wheel: Path) -> list[str]:
    """What is wrong with a wheel, in words."""
    with ZipFile(wheel) as archive:
        size = {info.filename: info.file_size for info in archive.infolist()}
    found = [f"{name} is missing" for name in NEEDED if name not in size]
    found += [f"{name} is empty" for name in NEEDED if size.get(name) == 0 and "typed" not in name]
    found += [f"{name} does not belong there" for name in size if name.startswith(FOREIGN)]
    if not any(EXTENSION in name for name in size):
        found.append("the JupyterLab extension is missing")
    if not any(name.endswith("/licenses/LICENSE") for name in size):
        found.append("the licence is missing")
    return found


def main(wheels: list[str]) -> int:
    found = [f"{wheel}: {flaw}" for wheel in wheels for flaw in flaws(Path(wheel))]
    print("\n".join(found) or f"{len(wheels)} wheel(s) complete", file=sys.stderr)
    return 1 if found or not wheels else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
