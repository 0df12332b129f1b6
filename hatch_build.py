"""Build hook: bundles js/ into nbstream/static/ and build/labextension/, for all that is built from here."""

import os
import shutil
import subprocess
from pathlib import Path

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class FrontEndBuildHook(BuildHookInterface):
    def initialize(self, version: str, build_data: dict) -> None:
        root = Path(self.root)
        bundled = (root / "nbstream/static/nbstream.js").exists()
        unpacked_sdist = (root / "PKG-INFO").exists()
        if os.environ.get("NBSTREAM_SKIP_JS") or (unpacked_sdist and bundled):
            return
        npm = shutil.which("npm")
        if npm is None or shutil.which("node") is None:
            raise RuntimeError(
                "Building nbstream from source needs Node.js 20 or newer with npm (https://nodejs.org). "
                "Set NBSTREAM_SKIP_JS=1 to install without the front end."
            )
        js = root / "js"
        if not (js / "node_modules").exists():
            subprocess.run([npm, "ci"], cwd=js, check=True)
        subprocess.run([npm, "run", "build"], cwd=js, check=True)
