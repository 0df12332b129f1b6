"""The code in README and docs runs, cell by cell, in a kernel and offline.

What a block needs and does not show stands above it in a comment that readers do not see:
`<!--- invisible-code-block: python … -->`. A block that cannot run is marked with the reason:
`<!--- skip: next "why" -->`.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest import SkipTest

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, SkipParser

from tests.kernel import TestKernel
from tests.kernel import kernel as running_kernel
from tests.servers import Handler, Request, Server, chat

ROOT = Path(__file__).parents[1]
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WORDS = ["Quick", "sort ", "picks ", "a ", "pivot."]
POEM = ['{"title": "Bees", ', '"lines": ["They hum."]}']
USAGE = {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14}


def models() -> Handler:
    """Answers in OpenAI's format and in Ollama's, as text or as the JSON that was asked for."""

    def words(request: Request) -> list[str]:
        return POEM if "response_format" in request.json else WORDS

    openai = chat(words, delay=0.01, usage=USAGE)

    async def handler(request: Request) -> None:
        if not request.path.endswith("/api/chat"):
            await openai(request)
            return
        request.start(headers={"content-type": "application/x-ndjson"})
        for n, word in enumerate(WORDS, start=1):
            done = {"done": True, "done_reason": "stop"} if n == len(WORDS) else {"done": False}
            line = {"model": "llama3.2", "message": {"role": "assistant", "content": word}, **done}
            await request.send(json.dumps(line).encode() + b"\n")
        await request.end()

    return handler


@contextmanager
def notebook(folder: Path) -> Iterator[TestKernel]:
    with Server(models()) as server:
        environment = {
            **os.environ,
            "OPENAI_BASE_URL": f"{server.url}/v1",
            "OPENAI_API_KEY": "sk-of-nobody",
            "OLLAMA_HOST": server.url,
            "NBSTREAM_MODEL": "gpt-4o-mini",
        }
        with running_kernel(environment) as kernel:
            kernel.run(f"%cd -q {folder.as_posix()}\nimport nbstream as nb")
            yield kernel


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_code_runs(path: Path, tmp_path: Path) -> None:
    cells: list[str] = []
    with notebook(tmp_path) as kernel:

        def run(example: Example) -> None:
            cells.append(example.parsed)
            cell = kernel.run(example.parsed)
            said = cell.error + "".join(re.findall("^UsageError.*", cell.printed, re.MULTILINE))
            assert cell.status == "ok" and not said, f"{example.path}:{example.line}\n{said}"

        sybil = Sybil([CodeBlockParser("python", run), SkipParser()])
        for example in sybil.parse(path).examples():
            try:
                example.evaluate()
            except SkipTest:
                cells.append("")  # with its reason beside it
    assert cells or "```python" not in path.read_text("utf-8")
