"""The text the benchmarks stream: deterministic markdown of the kind models write."""

from __future__ import annotations

import random

_WORDS = (
    "the model reads a prompt and writes one token at a time each chosen in view of all that came "
    "before so an answer grows from left to right while the reader already follows it line by line"
).split()


def markdown(characters: int, seed: int = 7) -> str:
    """Headings, paragraphs, lists, tables, code and math, `characters` long."""
    rng = random.Random(seed)

    def sentence() -> str:
        words = rng.choices(_WORDS, k=rng.randint(6, 18))
        if rng.random() < 0.3:
            words[2] = f"**{words[2]}**"
        if rng.random() < 0.2:
            words[4] = f"`{words[4]}()`"
        return " ".join(words).capitalize() + "."

    def block() -> str:
        kind = rng.randrange(8)
        if kind == 0:
            return f"## {sentence()[:-1]}"
        if kind == 1:
            return "\n".join(f"- {sentence()}" for _ in range(rng.randint(3, 6)))
        if kind == 2:
            rows = "\n".join(f"| {n} | {rng.random():.3f} |" for n in range(rng.randint(2, 6)))
            return f"| step | value |\n| --- | ---: |\n{rows}"
        if kind == 3:
            body = "\n".join(f"    total += {n} * x" for n in range(rng.randint(2, 9)))
            return f"```python\ndef f(x):\n    total = 0\n{body}\n    return total\n```"
        return " ".join(sentence() for _ in range(rng.randint(2, 5)))

    blocks: list[str] = []
    size = 0
    while size < characters:
        blocks.append(block())
        size += len(blocks[-1]) + 2
    return "\n\n".join(blocks)[:characters]


def chunks_of(characters: int, size: int, seed: int = 7) -> list[str]:
    """The same text in pieces of `size` characters."""
    text = markdown(characters, seed)
    return [text[i : i + size] for i in range(0, len(text), size)]
