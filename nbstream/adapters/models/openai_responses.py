"""OpenAI models over the Responses API: reasoning summaries and OpenAI's own tools."""

from __future__ import annotations

from typing import Any

from nbstream.adapters.transport.failures import Endpoint
from nbstream.adapters.wires.responses import ResponsesDecoder
from nbstream.events.carry import carried

from .base import ChatRequest
from .chat_messages import file_of
from .fitting import Ids, shortened, wire_name
from .http_model import ApiKey, function_tools, own_tools, with_options
from .openai_compatible import OpenAIModel
from .parameters import chosen, effort

#: What the result of a call says that waited for consent only.
APPROVED = "approved"


class OpenAIResponses(OpenAIModel):
    """`OpenAIResponses("gpt-5", reasoning={"summary": "auto"})`; also LM Studio, vLLM and llama.cpp."""

    def __init__(
        self, model: str, api_key: ApiKey | None = None, *, provider: str = "", **settings: Any
    ) -> None:
        super().__init__(model, api_key, provider=provider, **settings)
        self.ids: Ids = shortened(64)
        self.lacks: tuple[str, ...] = ("seed",)

    def home(self) -> str:
        return "https://api.openai.com/v1"

    def url(self, *, stream: bool) -> str:
        return f"{self.base_url}/responses"

    def decoder(self, endpoint: Endpoint) -> ResponsesDecoder:
        return ResponsesDecoder(endpoint)

    def body(self, request: ChatRequest, *, stream: bool) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.name,
            "input": convert(request.messages, self.provider),
        }
        if stream:
            body["stream"] = True
        for name, value in (
            ("temperature", request.temperature),
            ("max_output_tokens", request.max_tokens),
            ("top_p", request.top_p),
            ("user", request.user),
        ):
            if value is not None:
                body[name] = value
        if request.reasoning is not None:
            body["reasoning"] = {"effort": effort(request.reasoning), "summary": "auto"}
        if request.tools:
            functions = [{"type": "function", **f} for f in function_tools(request.tools)]
            body["tools"] = functions + own_tools(request.tools)
        if request.tool_choice is not None and request.tools:
            mode, name = chosen(request.tool_choice)
            body["tool_choice"] = {"type": "function", "name": name} if mode == "tool" else mode
        if request.output_schema:
            name = wire_name(str(request.output_schema.get("title") or "output"))
            body["text"] = {
                "format": {"type": "json_schema", "name": name, "schema": request.output_schema}
            }
        return with_options(body, self.options, request.options)


def convert(messages: list[dict[str, Any]], provider: str = "") -> list[dict[str, Any]]:
    """Messages in the chat form as input items.

    A response of this provider's own goes back item by item as it came, and each call is answered by an
    item of its own kind.
    """
    items: list[dict[str, Any]] = []
    calls: dict[str, dict[str, Any]] = {}
    for message in messages:
        role = message.get("role")
        content = message.get("content")
        if role == "tool":
            call = calls.get(message.get("tool_call_id", ""), {})
            items.append(_output(call, message))
            continue
        if role == "assistant" and (given := carried(message, "responses", provider).get("items")):
            calls |= {item.get("call_id") or item.get("id", ""): item for item in given}
            items += given
            continue
        if content:
            kind = "output_text" if role == "assistant" else "input_text"
            parts = [content] if isinstance(content, str) else content
            items.append({"role": role, "content": [_part(part, kind) for part in parts]})
        for call in message.get("tool_calls") or ():
            function = call["function"]
            items.append(
                {
                    "type": "function_call",
                    "call_id": call.get("id", ""),
                    "name": function["name"],
                    "arguments": function.get("arguments") or "{}",
                }
            )
    return items


def _output(call: dict[str, Any], message: dict[str, Any]) -> dict[str, Any]:
    """The answer to a call, in the kind of item that the call's kind asks for."""
    content = message.get("content")
    output: Any = content if isinstance(content, str) else str(content)
    kind = call.get("type") or "function_call"
    failed = output.startswith("Error: ")
    call_id = message.get("tool_call_id", "")
    if kind == "mcp_approval_request":
        approved = output == APPROVED
        return {
            "type": "mcp_approval_response",
            "approval_request_id": call.get("id", call_id),
            "approve": approved,
            **({} if approved else {"reason": output}),
        }
    answer: dict[str, Any] = {"type": f"{kind}_output", "call_id": call_id, "output": output}
    if kind == "apply_patch_call":
        answer["status"] = "failed" if failed else "completed"
    elif kind == "local_shell_call":
        answer = {"type": "local_shell_call_output", "id": call_id, "output": output}
    elif kind == "shell_call":
        outcome = {"type": "exit", "exit_code": 1 if failed else 0}
        answer["output"] = [
            {
                "stdout": "" if failed else output,
                "stderr": output if failed else "",
                "outcome": outcome,
            }
        ]
    elif kind not in ("function_call", "custom_tool_call"):
        answer["type"] = "function_call_output"
    if caller := call.get("caller"):
        answer["caller"] = caller
    return answer


def _part(part: Any, kind: str) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": kind, "text": part}
    if part.get("type") == "text":
        return {"type": kind, "text": part.get("text", "")}
    if part.get("type") == "image_url":
        image = part["image_url"]
        return {
            "type": "input_image",
            "image_url": image["url"] if isinstance(image, dict) else image,
        }
    if file := file_of(part):
        name, mime, data = file
        if mime.startswith("audio/"):
            return part
        return {
            "type": "input_file",
            "filename": name or "file",
            "file_data": f"data:{mime};base64,{data}",
        }
    return part
