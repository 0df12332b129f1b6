"""Writes the table of flags into README.md, from the one table the parser has.

python scripts/readme.py [--check]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from nbstream.magic.flags import FLAGS, choices, signature

README = Path(__file__).parents[1] / "README.md"
BLOCK = re.compile(r"(<!-- flags -->\n).*?(<!-- /flags -->)", re.S)


def table() -> str:
    rows = [f"| `{signature(flag)}` | {flag.help}{choices(flag)} |" for flag in FLAGS]
    return "\n".join(["| flag | does |", "| --- | --- |", *rows]) + "\n"


def main(check: bool) -> int:
    text = README.read_text("utf-8")
    new = BLOCK.sub(lambda match: match.group(1) + table() + match.group(2), text)
    if check and new != text:
        print("README.md is stale: run `python scripts/readme.py`.", file=sys.stderr)
        return 1
    if not check:
        README.write_text(new, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main("--check" in sys.argv))
