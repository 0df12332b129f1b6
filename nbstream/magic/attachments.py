"""What goes along with a prompt: files, and values of the notebook."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbstream.agents.results import result_of
from nbstream.events.errors import UsageError

#: The largest file that is sent, in bytes.
MAX_SIZE = 20_000_000

Part = dict[str, Any]


def attach(prompt: str, attached: list[str], names: Mapping[str, Any]) -> list[Part]:
    """The prompt's message content: its text and a part for each attachment.

    An attachment is a variable's name (a data frame, an image, anything printable) or a path: images and
    PDF as such, other files as text. Raises `UsageError` for what is neither, or too large.
    """
    parts: list[Part] = [{"type": "text", "text": prompt}]
    for each in attached:
        path = Path(each).expanduser()
        if each in names:
            parts += _value(each, names[each])
        elif path.is_file():
            parts.append(_file(path))
        else:
            raise UsageError(f"-a {each}: there is no such file, and no such variable.")
    return parts


def has_images(parts: list[Part]) -> bool:
    return any(part["type"] == "image_url" for part in parts)


def _value(name: str, value: Any) -> list[Part]:
    result = result_of(value)
    if result.images:
        return [_url(image.url) for image in result.images]
    return [_text(name, result.text)]


def _file(path: Path) -> Part:
    if (size := path.stat().st_size) > MAX_SIZE:
        raise UsageError(f"-a {path}: {size / 1e6:.0f} MB are too much to send.")
    mime = mimetypes.guess_type(path.name)[0] or ""
    data = path.read_bytes()
    if mime.startswith("image/"):
        return _url(f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}")
    if mime == "application/pdf":
        encoded = f"data:{mime};base64,{base64.b64encode(data).decode('ascii')}"
        return {"type": "file", "file": {"filename": path.name, "file_data": encoded}}
    try:
        return _text(path.name, data.decode("utf-8"))
    except UnicodeDecodeError:
        raise UsageError(f"-a {path}: neither an image, a PDF nor UTF-8 text.") from None


def _url(url: str) -> Part:
    return {"type": "image_url", "image_url": {"url": url}}


def _text(name: str, text: str) -> Part:
    return {"type": "text", "text": f"{name}:\n\n{text}"}
