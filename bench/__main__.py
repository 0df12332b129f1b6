"""`python -m bench`: every benchmark in turn, each beside its alternatives in the same run.

    python -m bench [--against PATH] [NAME…]

`imports`, `events` and `adapters` measure Python alone; `wire` and `memory` a real kernel; `latency`, `busy`, `first`,
`compare` and `reopen` a real JupyterLab in Chromium. Each runs alone as `python -m bench.NAME`, and the head of its
module says what its rows mean. `--against PATH` names another checkout of nbstream with its front end built, say one of
an older commit; those that run kernels measure it in turn with this one, so that both meet the same machine.
Browsers and kernels share few cores: figures are for ratios within a run.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

SDKS = Path(sys.prefix, "sdks/bin/python")  # where the peers of the adapters are installed
ALONE = ("imports", "events", "adapters", "compare")
AGAINST = ("wire", "memory", "latency", "busy", "first", "reopen")

parser = argparse.ArgumentParser(
    description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
)
parser.add_argument(
    "--against", metavar="PATH", help="another checkout, measured in turn with this"
)
parser.add_argument("names", nargs="*", metavar="NAME", help="only these")
options = parser.parse_args()
failed = []
for module in options.names or (*ALONE, *AGAINST):
    print(f"\n── {module} {'─' * (70 - len(module))}\n", flush=True)
    python = SDKS if module == "adapters" and SDKS.exists() else sys.executable
    against = ["--against", options.against] if options.against and module in AGAINST else []
    if subprocess.run([python, "-m", f"bench.{module}", *against], check=False).returncode:
        failed.append(module)
if failed:
    sys.exit(f"\nfailed: {', '.join(failed)}")
