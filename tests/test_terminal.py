"""Streams outside a notebook: scripts, pipes and IPython in a terminal."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time

import pytest

SCRIPT = """
import nbstream as nb
nb.show(nb.Demo(speed=0).stream("{prompt}")).result()
"""


def script(prompt: str) -> str:
    code = SCRIPT.format(prompt=prompt)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert run.stderr == ""
    return run.stdout


def test_a_script_prints_the_answer_and_one_line_of_figures():
    lines = script("hello").splitlines()
    assert lines[0].startswith("Hello! 👋 I am the demo model")
    assert "tokens" in lines[-1]


def test_tools_take_a_line_each():
    output = script("weather")
    assert '\n⚙ get_weather {"city": "Reykjavík", "days": 3, "units": "celsius"}\n→ ' in output


def test_no_colours_in_a_pipe():
    assert "\x1b" not in script("think")


def test_ipython_in_a_terminal():
    pty = pytest.importorskip("pty", reason="no pseudo-terminals on Windows", exc_type=ImportError)
    keyboard, terminal = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner"],
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
    )
    screen = ""

    def type_line(line: str, expect: str) -> None:
        nonlocal screen
        screen = ""
        os.write(keyboard, line.encode() + b"\n")
        deadline = time.monotonic() + 60
        while expect not in screen:
            assert time.monotonic() < deadline, screen
            if select.select([keyboard], [], [], 0.1)[0]:
                screen += os.read(keyboard, 65536).decode("utf-8", "replace")

    try:
        type_line("%load_ext nbstream", "In [2]")
        type_line("import nbstream as nb; nb.register_model('quick', nb.Demo(speed=0))", "In [3]")
        type_line("nb.stream('hello', model='quick')", "In [4]")
        assert "I am the demo model" in screen
        type_line("%stream hello again", "In [5]")
        assert screen.count("I am the demo model") == 1
        type_line("_.finish_reason", "'stop'")
    finally:
        process.kill()
        process.wait()
        os.close(keyboard)
        os.close(terminal)
