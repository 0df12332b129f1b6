"""What the demo model says."""

from __future__ import annotations

from typing import Any

_SET_A_MODEL = """
> *This was the **demo model**: offline, no key, no real intelligence. For a real one write*
> `%%stream -m openai/gpt-4o-mini` *at the top of a cell, or once* `nb.configure(model="ollama/llama3.2")`.
"""

_ABOUT = (
    (
        ("stream", "token", "sse", "works", "how"),
        """A language model does not write an answer, it writes **one token at a time**, each chosen in view \
of all the ones before. Streaming means that you see every token as soon as it exists.

1. The server sends each piece as a small *server-sent event*.
2. An adapter turns it into an event: text, thinking, a tool call, usage.
3. The notebook collects the events of about 30 ms, sends them as one frame, and the browser adds only \
what is new.

So the wait that counts is the **time to first token**, not the time to the last. Watch the status line \
below: it measures both.
""",
    ),
    (
        ("hello", "hi", "hey", "hallo", "bonjour"),
        """Hello! 👋 I am the demo model that lives inside nbstream. I know few things, but I tell them at \
sixty tokens a second.

Ask me to **think**, to check the **weather** with a tool, for a **table**, for something **long**, or to \
**fail** on purpose.
""",
    ),
    (
        ("stop", "interrupt", "cancel"),
        """Try it: press **Stop** while I am still talking. The connection closes at once, the text so far \
stays, and the cell ends like any other. The square button in the toolbar does the same for the whole \
queue.

I will keep talking a little, so that you have the time. A good answer is like a good train: it goes when \
it is announced, you can see it coming, and you may get off before the last station. Nothing is lost by \
stopping early; whoever reads the first paragraph often knows enough.
""",
    ),
)

_OTHERWISE = """You said: “{prompt}”. A fine prompt, and a real model would have a fine answer. I am only the \
demo, so here is what I can show you instead:

- ask me to **think** about something, and the reasoning appears in a panel of its own;
- ask about the **weather**, and a tool call streams in, arguments and all;
- ask for a **table** with **code** and **math**, to see markdown grow;
- ask for something **long**, then press *Stop*;
- ask me to **fail**, to see what an error looks like.
"""


def about(prompt: str) -> str:
    """A short friendly answer; about streaming where the prompt is about it."""
    words = prompt.lower().split()
    for keys, text in _ABOUT:
        if any(word.strip("?!.,:;").startswith(key) for word in words for key in keys):
            return text + _SET_A_MODEL
    shown = " ".join(prompt.split())
    shown = shown if len(shown) <= 80 else f"{shown[:77]}…"
    return _OTHERWISE.format(prompt=shown) + _SET_A_MODEL


PAGE = (
    r"""## Sorting, in one page

Quicksort picks a **pivot**, puts smaller items to its left and larger ones to its right, and does the same \
again on each side:

```python
def quicksort(items: list[int]) -> list[int]:
    if len(items) <= 1:
        return items
    pivot, *rest = items
    smaller = [x for x in rest if x < pivot]
    larger = [x for x in rest if x >= pivot]
    return quicksort(smaller) + [pivot] + quicksort(larger)


print(quicksort([3, 1, 4, 1, 5, 9, 2, 6]))  # [1, 1, 2, 3, 4, 5, 6, 9]
```

Why is it quick? Each level of the recursion looks at all $n$ items once, and with decent pivots there are \
about $\log_2 n$ levels:

$$
T(n) = 2\,T\!\left(\tfrac{n}{2}\right) + n \quad\Longrightarrow\quad T(n) \in O(n \log n)
$$

How it compares:

| Algorithm | Average | Worst case | Extra memory | Stable |
| :-- | :-: | :-: | :-: | :-: |
| Quicksort | $n \log n$ | $n^2$ | $\log n$ | no |
| Merge sort | $n \log n$ | $n \log n$ | $n$ | yes |
| Insertion sort | $n^2$ | $n^2$ | $1$ | yes |
| Timsort (Python's own) | $n \log n$ | $n \log n$ | $n$ | yes |

Three things to remember:

1. **A bad pivot hurts.** On sorted input the first item is the worst choice; a random one is safe.
2. **Small lists** are better left to insertion sort:
   - no recursion,
   - friendly to the cache.
3. In real code, call `sorted()`. ~~Write your own.~~
""".replace("\\\n", "")
    + _SET_A_MODEL
)

THOUGHTS = """The question looks simple, so let me be careful with it.

A bat and a ball cost 1.10 together, and the bat costs 1.00 more than the ball. The tempting answer is that \
the ball costs 0.10. Then the bat would cost 1.10 and both together 1.20. That is too much.

Let the ball cost x. The bat costs x + 1.00. Together 2x + 1.00 = 1.10, so 2x = 0.10 and x = 0.05.

Check: 0.05 + 1.05 = 1.10, and 1.05 − 0.05 = 1.00. Both hold."""

AFTER_THOUGHT = (
    """Here is a puzzle that people get wrong when they do not think first:

*A bat and a ball cost €1.10 together. The bat costs €1.00 more than the ball. What does the ball cost?*

**Five cents.** Ten cents comes to mind at once, but then the bat would cost €1.10 and the two together \
€1.20. With $x$ for the ball, $x + (x + 1.00) = 1.10$, hence $x = 0.05$.

The reasoning is in the panel above. It was streamed separately from this answer, as reasoning models do.
"""
    + _SET_A_MODEL
)

BEFORE_TOOL = "Let me look that up with a tool. Watch the arguments arrive piece by piece.\n"

FORECAST: dict[str, Any] = {
    "city": "Reykjavík",
    "days": [
        {"day": "today", "high": 7, "low": 2, "sky": "rain, then sun, then rain"},
        {"day": "tomorrow", "high": 5, "low": 0, "sky": "sideways rain"},
        {"day": "the day after", "high": 9, "low": 3, "sky": "clear, northern lights at night"},
    ],
}

AFTER_TOOL = (
    """The (made-up) forecast for **Reykjavík**:

| Day | High | Low | Sky |
| :-- | --: | --: | :-- |
| today | 7 °C | 2 °C | 🌦 rain, then sun, then rain |
| tomorrow | 5 °C | 0 °C | 🌧 sideways rain |
| the day after | 9 °C | 3 °C | 🌌 clear, northern lights at night |

Take a good coat. If you can choose your day, go on the third.
"""
    + _SET_A_MODEL
)

BEFORE_ERROR = """You asked for trouble, so this answer from the demo model will break off. First a sentence that \
arrives in good order. Then a second one, to show that what has arrived is kept when the server suddenly"""

_CHAPTERS = (
    (
        "The telegraph",
        """Before the electric telegraph a message travelled at the speed of a horse. In 1844 Samuel Morse \
sent *What hath God wrought* from Washington to Baltimore, and the letters arrived one after the other, as \
fast as a hand could key them. It was the first streaming text: the reader at the far end knew the beginning \
of a sentence before its end had been written.

Operators soon stopped looking at the paper tape and read by ear. They could tell their colleagues apart by \
rhythm alone, and called it a person's *fist*.""",
    ),
    (
        "The teleprinter",
        """Émile Baudot gave every letter five bits in the 1870s, and machines could do what the ear had \
done. Teleprinters clattered in newsrooms for a century. A bell marked an urgent item:

- four bells for an *urgent*,
- five for a *bulletin*,
- ten or more for a *flash*.

The unit of speed, the **baud**, still carries his name.""",
    ),
    (
        "The terminal",
        """When computers learned to share their time, the teleprinter became the terminal. A `tty` in Unix \
is short for *teletype*, and the carriage return and line feed that end lines to this day are two motions of \
its paper carriage:

```python
for char in "HELLO\\r\\n":
    print(f"{char!r:6} {ord(char):07b}")
```

A video terminal of the 1970s showed about 960 characters a second, far more than anyone reads.""",
    ),
    (
        "The modem",
        """At 300 bits a second, text from a bulletin board crawled over the screen at the pace of a fast \
reader, some thirty characters a second. A large language model today manages a few times that.

| Year | Device | Characters per second |
| --: | :-- | --: |
| 1844 | Morse key | 2 |
| 1930 | Teleprinter | 6 |
| 1962 | 300-baud modem | 30 |
| 1978 | Video terminal | 960 |
| 2023 | A language model | 200 |

The figures are rounded, but the last line is no mistake: we are back near the speed of reading.""",
    ),
    (
        "The web",
        """The early web was made of pages: ask, wait, get everything. *Server-sent events*, standardised \
with HTML5, brought the wire back. A response that never quite ends, a line that begins with `data:`, an empty \
line after it. There is hardly a simpler protocol in use, and nearly every language model speaks it.

> Simple things last. A format that you can read with `curl` will be understood by whoever comes next.""",
    ),
    (
        "The notebook",
        """Which brings us here. A notebook cell used to be a question with one answer. With a stream it is \
a conversation with something that is still thinking, and three small courtesies make all the difference:

1. **Show it at once.** The first token matters more than the last.
2. **Let people leave.** A stop button that works within half a second is worth more than a faster model.
3. **Keep what was said.** Text that has arrived belongs to the reader, whatever happens to the connection.

Whoever has listened to a telegraph knew all three.""",
    ),
)

LONG = (
    "# A short history of text that arrives while you wait\n\n"
    + "\n\n".join(f"## {n}. {title}\n\n{text}" for n, (title, text) in enumerate(_CHAPTERS, 1))
    + "\n"
    + _SET_A_MODEL
)


def will_call(name: str) -> str:
    return f"I will ask your tool `{name}`.\n"


def told(results: list[Any]) -> str:
    """The answer after the user's own tools have run."""
    shown = "\n".join(f"- `{str(result)[:300]}`" for result in results)
    return f"Your tool answered:\n\n{shown}\n\nThat is all the demo model can say about it.\n{_SET_A_MODEL}"
