"""Gemini over Google's own API."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.gemini_content import GeminiDecoder
from nbstream.events.carry import carried
from nbstream.events.errors import ProviderError

from .base import ChatRequest, Feature
from .chat_messages import as_object, file_of
from .http_model import HTTPModel, function_tools, own_tools, with_options
from .parameters import budget, chosen, effort


class Gemini(HTTPModel):
    """`Gemini("gemini-2.5-flash")`; the key is in `GEMINI_API_KEY` or `GOOGLE_API_KEY`, or `api_key=`.

    Thinking: `thinkingConfig={"includeThoughts": True}`. Further keywords go into `generationConfig`.
    """

    provider = "gemini"
    key_names: tuple[str, ...] = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
    key_needed = True
    lacks: tuple[str, ...] = ("user",)
    features: ClassVar[frozenset[Feature]] = frozenset(
        {"streaming", "tools", "vision", "json", "thinking"}
    )

    def home(self) -> str:
        return "https://generativelanguage.googleapis.com/v1beta"

    def url(self, *, stream: bool) -> str:
        verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{self.base_url}/models/{self.name}:{verb}"

    def authorization(self, key: str) -> dict[str, str]:
        return {"x-goog-api-key": key}

    def decoder(self, endpoint: Endpoint) -> GeminiDecoder:
        return GeminiDecoder(endpoint)

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        system, contents = convert(request.messages, self.provider)
        stop = [request.stop] if isinstance(request.stop, str) else request.stop
        config: dict[str, Any] = {
            name: value
            for name, value in (
                ("temperature", request.temperature),
                ("maxOutputTokens", request.max_tokens),
                ("topP", request.top_p),
                ("stopSequences", stop),
                ("seed", request.seed),
            )
            if value is not None
        }
        if request.reasoning is not None:
            config["thinkingConfig"] = _thinking(self.name, request.reasoning)
        if request.output_schema:
            config["responseMimeType"] = "application/json"
            config["responseJsonSchema"] = request.output_schema
        given = {**self.options, **request.options}
        top = {name: given.pop(name) for name in _TOP_LEVEL & given.keys()}
        body: dict[str, Any] = {"contents": contents}
        if config or given:
            body["generationConfig"] = {**config, **given}
        if system:
            body["systemInstruction"] = {"parts": [{"text": system}]}
        if request.tools:
            declarations = [
                {
                    "name": f["name"],
                    "description": f["description"],
                    "parametersJsonSchema": f["parameters"],
                }
                for f in function_tools(request.tools)
            ]
            body["tools"] = own_tools(request.tools)
            if declarations:
                body["tools"] = [{"functionDeclarations": declarations}, *body["tools"]]
        if request.tool_choice is not None and request.tools:
            mode, name = chosen(request.tool_choice)
            calling: dict[str, Any] = {"mode": _MODES[mode]}
            if name:
                calling["allowedFunctionNames"] = [name]
            body["toolConfig"] = {"functionCallingConfig": calling}
        return with_options(body, top)

    def adapt_body(
        self, body: dict[str, Any], error: ProviderError, request: ChatRequest
    ) -> dict[str, Any] | None:
        error_text = (
            error.body.lower().replace("_", " ").replace("thoughtsignature", "thought signature")
        )
        if "thought signature" not in error_text:
            return None
        lacking = "missing" in error_text
        contents = [
            {**content, "parts": [_unchecked(part, lacking) for part in content["parts"]]}
            for content in body["contents"]
        ]
        return {**body, "contents": contents} if contents != body["contents"] else None


def _unchecked(part: dict[str, Any], lacking: bool) -> dict[str, Any]:
    """A call that another model made, or one whose signature is lost, as Google's documentation has it."""
    if "functionCall" not in part or (lacking and "thoughtSignature" in part):
        return part
    return {**part, "thoughtSignature": "skip_thought_signature_validator"}


_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def _thinking(model: str, reasoning: Any) -> dict[str, Any]:
    """Up to Gemini 2.5 thoughts are counted in tokens, from Gemini 3 on they have a level."""
    word = effort(reasoning)
    counted = isinstance(reasoning, int) and not isinstance(reasoning, bool)
    new = re.match(r"gemini-([3-9]|\d\d)", model) and not counted
    if word == "none":
        return {"thinkingLevel": "minimal"} if new else {"thinkingBudget": 0}
    amount = {"thinkingLevel": word} if new else {"thinkingBudget": budget(reasoning)}
    return {**amount, "includeThoughts": True}


_TOP_LEVEL = {"tools", "toolConfig", "safetySettings", "cachedContent", "systemInstruction"}


def convert(
    messages: list[dict[str, Any]], provider: str = "gemini"
) -> tuple[str, list[dict[str, Any]]]:
    """Messages in the OpenAI form as Gemini's system text and contents.

    An answer of Gemini's own goes back part by part as it came.
    """
    system: list[str] = []
    contents: list[dict[str, Any]] = []
    names: dict[str, str] = {}
    own_ids: set[str] = set()  # of calls that Gemini itself named

    def add(role: str, parts: list[dict[str, Any]]) -> None:
        if contents and contents[-1]["role"] == role:
            contents[-1]["parts"] += parts
        elif parts:
            contents.append({"role": role, "parts": parts})

    for message in messages:
        role = message.get("role")
        parts = _parts(message.get("content"))
        if role in ("system", "developer"):
            system.append("".join(part.get("text", "") for part in parts))
        elif role == "tool":
            name = message.get("name") or names.get(message.get("tool_call_id", ""), "tool")
            call_id = message.get("tool_call_id", "")
            response = {"name": name, "response": {"result": message.get("content")}}
            if call_id in own_ids:
                response["id"] = call_id
            add("user", [{"functionResponse": response}])
        elif role == "assistant":
            given = carried(message, "gemini", provider).get("parts") or ()
            for call in message.get("tool_calls") or ():
                names[call.get("id", "")] = call["function"]["name"]
            if given:
                calls = [part["functionCall"] for part in given if part.get("functionCall")]
                own_ids |= {call["id"] for call in calls if call.get("id")}
                add("model", list(given))
                continue
            for call in message.get("tool_calls") or ():
                function = call["function"]
                made = {"name": function["name"], "args": as_object(function.get("arguments"))}
                part: dict[str, Any] = {"functionCall": made}
                if signature := call.get("thought_signature"):
                    part["thoughtSignature"] = signature
                parts.append(part)
            add("model", parts)
        else:
            add("user", parts)
    return "\n\n".join(system), contents


def _parts(content: Any) -> list[dict[str, Any]]:
    if not content:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    parts: list[dict[str, Any]] = []
    for part in content:
        if isinstance(part, str):
            parts.append({"text": part})
        elif part.get("type") == "text":
            parts.append({"text": part.get("text", "")})
        elif part.get("type") == "image_url":
            image = part["image_url"]
            parts.append(_image(image["url"] if isinstance(image, dict) else image))
        elif file := file_of(part):
            parts.append({"inlineData": {"mimeType": file[1], "data": file[2]}})
        else:
            parts.append(part)
    return parts


def _image(url: str) -> dict[str, Any]:
    if not url.startswith("data:"):
        return {"fileData": {"fileUri": url}}
    head, _, data = url[5:].partition(",")
    return {"inlineData": {"mimeType": head.partition(";")[0], "data": data}}
