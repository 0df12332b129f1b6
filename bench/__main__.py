"""`python -m bench`: every benchmark in turn, each beside its alternatives in the same run."""

from __future__ import annotations

import subprocess
import sys

for module in ("imports", "events", "adapters", "wire"):
    print(f"\n── {module} {'─' * (70 - len(module))}\n", flush=True)
    subprocess.run([sys.executable, "-m", f"bench.{module}"], check=True)
