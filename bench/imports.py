"""What it costs to load nbstream, beside anywidget and litellm.

    python -m bench.imports [RUNS]

CPU time of a fresh interpreter, less that of one that imports nothing; medians, in milliseconds.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys

CASES = {
    "import anywidget": "import anywidget",
    "import nbstream": "import nbstream",
    "import nbstream; nbstream.stream": "import nbstream; nbstream.stream",
    "%load_ext nbstream (in IPython)": (
        "from IPython.core.interactiveshell import InteractiveShell;"
        "InteractiveShell.instance().run_line_magic('load_ext', 'nbstream')"
    ),
    "… IPython alone": (
        "from IPython.core.interactiveshell import InteractiveShell;"
        "InteractiveShell.instance().run_line_magic('load_ext', 'autoreload')"
    ),
    "import litellm": "import os; os.environ['LITELLM_LOCAL_MODEL_COST_MAP'] = 'True'; import litellm",
}


def cpu(code: str) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000


def main(runs: int) -> None:
    times: dict[str, list[float]] = {name: [] for name in ["nothing", *CASES]}
    for _ in range(runs):
        times["nothing"].append(cpu("pass"))
        for name, code in CASES.items():
            times[name].append(cpu(code))
    nothing = statistics.median(times.pop("nothing"))
    medians = {name: statistics.median(values) - nothing for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:34} {median:8.0f} ms  {median / medians['import anywidget']:6.2f}x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
