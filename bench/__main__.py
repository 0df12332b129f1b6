"""`python -m bench`: every benchmark in turn, each beside its alternatives in the same run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SDKS = Path(sys.prefix, "sdks/bin/python")  # where the peers of the adapters are installed

for module in ("imports", "events", "adapters", "wire"):
    print(f"\n── {module} {'─' * (70 - len(module))}\n", flush=True)
    python = SDKS if module == "adapters" and SDKS.exists() else sys.executable
    subprocess.run([python, "-m", f"bench.{module}"], check=True)
