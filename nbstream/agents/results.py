"""What a tool gave back, in two forms: for the card in the cell, and for the model."""

from __future__ import annotations

import base64
import itertools
import math
from typing import Any, NamedTuple

import msgspec

from nbstream.events.json import MAX_DEPTH, depth_exceeds

#: What is kept of one result, in characters, and the rows of a table.
MAX_TEXT = 100_000
MAX_ROWS = 50


class Image(NamedTuple):
    mime: str
    data: str
    """base64"""

    @property
    def url(self) -> str:
        return f"data:{self.mime};base64,{self.data}"


class Result(NamedTuple):
    """`content` is a JSON value for the card, `text` what the model reads, `images` go along."""

    content: Any
    text: str
    images: tuple[Image, ...] = ()


def result_of(value: Any) -> Result:
    """Text and JSON as they are, images as images, data frames as a table, anything else as its `str`."""
    if (image := _image(value)) is not None:
        note = f"[{image.mime}, {len(image.data) * 3 // 4:,} bytes]"
        return Result(note, note, (image,))
    if (table := _table(value)) is not None:
        return Result(table, table)
    if isinstance(value, str):
        return Result(bounded(value), bounded(value))
    content = plain(value)
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    if len(text) > MAX_TEXT:
        content = text = bounded(text)
    return Result(content, text)


def plain(value: Any) -> Any:
    """The value as JSON has it: dataclasses and models as objects, what JSON cannot hold as its `str`.

    So is what is nested deeper than JSON from outside may be, and what holds itself.
    """
    try:
        content = _builtins(value)
        if depth_exceeds(content, MAX_DEPTH):
            return bounded(msgspec.json.encode(content).decode())
        # JSON has no NaN: the encoder writes null, which would be an answer of its own
        return _finite(content) if b"null" in msgspec.json.encode(content) else content
    except RecursionError:
        return f"[a {type(value).__name__} that is nested too deep to be shown]"
    except (TypeError, ValueError):  # keys that JSON cannot have: dates, tuples
        return bounded(str(value))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return value


def _builtins(value: Any) -> Any:
    return msgspec.to_builtins(value, str_keys=True, enc_hook=_other)


def _other(value: Any) -> Any:
    if hasattr(value, "model_dump"):
        return value.model_dump(mode="json")
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    return bounded(str(value))


def _image(value: Any) -> Image | None:
    if isinstance(value, type):
        return None
    for name, mime in (("_repr_png_", "image/png"), ("_repr_jpeg_", "image/jpeg")):
        data = getattr(value, name)() if hasattr(value, name) else None
        if isinstance(data, tuple):
            data = data[0]
        if data:
            return Image(
                mime, data if isinstance(data, str) else base64.b64encode(data).decode("ascii")
            )
    if hasattr(value, "savefig"):  # a matplotlib figure outside a notebook
        import io

        buffer = io.BytesIO()
        value.savefig(buffer, format="png")
        return Image("image/png", base64.b64encode(buffer.getvalue()).decode("ascii"))
    return None


def _table(value: Any) -> str | None:
    """A data frame (pandas, polars) as a markdown table, cut after `MAX_ROWS`."""
    if isinstance(value, type) or not hasattr(value, "columns"):
        return None
    if hasattr(value, "itertuples"):
        named = value.index.names != [None] or type(value.index).__name__ != "RangeIndex"
        rows = value.itertuples(index=named, name=None)
        columns = [*(["" if n is None else n for n in value.index.names] if named else []), *value]
        if named and value.index.nlevels > 1:
            rows = ((*row[0], *row[1:]) for row in rows)
    elif hasattr(value, "iter_rows"):
        rows, columns = value.iter_rows(), list(value.columns)
    else:
        return None
    shown = [list(row) for row in itertools.islice(rows, MAX_ROWS)]
    lines = [columns, ["---"] * len(columns), *shown]
    text = "\n".join(f"| {' | '.join(_cell(item) for item in line)} |" for line in lines)
    left = len(value) - len(shown)
    return bounded(f"{text}\n\n… {left:,} more rows" if left > 0 else text)


def _cell(value: Any) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def bounded(text: str) -> str:
    """The text, cut after `MAX_TEXT` characters with a word about the rest."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}\n… {len(text) - MAX_TEXT:,} more characters"
