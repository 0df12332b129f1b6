"""What a value must look like: a JSON schema for the model, and the check of what it sends back.

This is the one room that imports pydantic, and only when a schema is made.
"""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nbstream.events.errors import OutputValidationError, UsageError
from nbstream.events.nearly import FENCED, fit, read_nearly

REPAIR = "`repair=True` asks the model once more; the error's `text` is the whole answer."


class Schema:
    """`json` is the JSON schema; `check` turns a plain value into the type it stands for."""

    def __init__(self, json: dict[str, Any], check: Callable[[Any], Any]) -> None:
        self.json = json
        self._check = check

    @classmethod
    def of(cls, output_type: Any) -> Schema:
        """The schema of a pydantic model, any type pydantic knows, or a JSON schema given as a dict.

        Providers want an object at the root: for any other type it is one with the single key `value`.
        """
        if isinstance(output_type, Schema):
            return output_type
        if isinstance(output_type, dict):
            return cls(output_type, _json_schema_check(output_type))
        import pydantic

        try:
            adapter = pydantic.TypeAdapter(output_type)
            json = _with_root(adapter.json_schema())
        except Exception as error:  # pydantic's own, and whatever the hints of the type raise
            raise UsageError(
                f"{output_type!r} has no JSON schema.",
                hint="output_type is a pydantic model, a type such as list[str], or a JSON schema.",
            ) from error
        name = getattr(output_type, "__name__", "output")
        if json.get("type") == "object" or "properties" in json:
            return cls({"title": name, **json}, _unwrapping(adapter, json))
        definitions = {"$defs": json.pop("$defs")} if "$defs" in json else {}
        wrapped = {
            "title": re.sub(r"\W", "_", name),
            "type": "object",
            "properties": {"value": json},
            "required": ["value"],
            "additionalProperties": False,
            **definitions,
        }

        def unwrap(value: Any) -> Any:
            inner = value["value"] if isinstance(value, dict) and set(value) == {"value"} else value
            return adapter.validate_python(inner)

        return cls(wrapped, unwrap)

    @classmethod
    def of_parameters(cls, function: Callable[..., Any]) -> Schema:
        """The schema of a function's parameters; `check` gives its keyword arguments.

        Descriptions come from the docstring (Google, NumPy or Sphinx style) or `Annotated[…, Field()]`.
        """
        import docstring_parser
        import pydantic
        from pydantic_core import ArgsKwargs

        described = {
            p.arg_name: p.description
            for p in docstring_parser.parse(inspect.getdoc(function) or "").params
        }
        parameters = []
        for parameter in _signature(function):
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.POSITIONAL_ONLY):
                raise UsageError(
                    f"A model cannot call {_name(function)}: it names its arguments.",
                    hint=f"Give {parameter} a name.",
                )
            hint = Any if parameter.annotation is parameter.empty else parameter.annotation
            if text := described.get(parameter.name):
                hint = _described(hint, pydantic.Field(description=text))
            kind = parameter.kind if parameter.kind is parameter.VAR_KEYWORD else _KEYWORD
            parameters.append(parameter.replace(annotation=hint, kind=kind))

        def arguments(**given: Any) -> dict[str, Any]:
            return given

        arguments.__annotations__ = {p.name: p.annotation for p in parameters}
        arguments.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        try:
            adapter: Any = pydantic.TypeAdapter(arguments)  # type: ignore[arg-type]
            json = _without_titles(adapter.json_schema())
        except Exception as error:  # pydantic's own, and whatever the hints raise
            raise _unusable(function, parameters) from error
        json.setdefault("properties", {})

        def check(value: Any) -> Any:
            return adapter.validate_python(ArgsKwargs((), value or {}))

        return cls(json, check)

    def check(self, value: Any) -> Any:
        """The value as its type. Raises `OutputValidationError` with `errors`, one line each."""
        if not isinstance(value, dict) and self.json.get("type") == "object" and value is not None:
            raise OutputValidationError(
                f"Expected a JSON object, not {type(value).__name__}.", errors=["not an object"]
            )
        try:
            return self._check(value)
        except ValueError as error:
            errors = [_line(each) for each in _errors(error)]
            raise OutputValidationError("; ".join(errors), errors=list(errors)) from None

    def parse(self, text: str) -> Any:
        """The value of JSON text, or nearly JSON. Raises `OutputValidationError`."""
        return self.read(text)[0]

    def read(self, text: str) -> tuple[Any, str]:
        """The value of JSON text, and what had to be mended for it, "" where nothing had."""
        try:
            value, mended = read_nearly(text)
        except ValueError as error:
            raise OutputValidationError(
                f"The answer is not JSON: {error}.", text=text, errors=[str(error)], hint=REPAIR
            ) from None
        if mended == FENCED and text.strip().startswith("```") and text.strip().endswith("```"):
            mended = ""  # nothing but the block, which says the same
        try:
            return self.check(value), mended
        except OutputValidationError as error:
            fitted, changed = fit(value, self.json)
            if changed:
                with contextlib.suppress(OutputValidationError):
                    return self.check(fitted), "JSON inside a string"
            raise OutputValidationError(
                f"The answer does not fit the output type: {error.message}",
                text=text,
                errors=error.errors,
                hint=REPAIR,
            ) from None


_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _signature(function: Callable[..., Any]) -> list[inspect.Parameter]:
    """The parameters with their hints resolved. Raises `UsageError` where that cannot be had."""
    with suppress(Exception):  # a hint is an expression: it may raise anything
        return list(inspect.signature(function, eval_str=True).parameters.values())
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError) as error:
        raise UsageError(f"A model cannot call {_name(function)}: {error}.") from None
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    resolved: list[inspect.Parameter] = []
    for parameter in parameters:
        hint = parameter.annotation
        try:
            hint = eval(hint, scope) if isinstance(hint, str) else hint
        except Exception as error:
            raise _no_type(function, parameter, f"{type(error).__name__}: {error}") from None
        resolved.append(parameter.replace(annotation=hint))
    return resolved  # what cannot be had is the hint of what it returns, which no model has to give


def _unusable(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> UsageError:
    """The error that names the parameter a model cannot give."""
    import pydantic

    for parameter in parameters:
        try:
            pydantic.TypeAdapter(parameter.annotation).json_schema()
        except Exception as error:
            return _no_type(function, parameter, str(error).splitlines()[0])
    return UsageError(f"A model cannot call {_name(function)}: its parameters have no JSON schema.")


def _no_type(function: Callable[..., Any], parameter: inspect.Parameter, why: str) -> UsageError:
    return UsageError(
        f"A model cannot call {_name(function)}: it cannot give the parameter {parameter.name!r} ({why}).",
        hint="Parameters are text, numbers, lists, dicts, enums, dataclasses or pydantic models, "
        "and their types are there when the program runs.",
    )


def _with_root(json: dict[str, Any]) -> dict[str, Any]:
    """A schema that refers to one of its definitions as a whole, as recursive types do, with that at its root."""
    prefix = "#/$defs/"
    reference = json.get("$ref", "")
    if not reference.startswith(prefix):
        return json
    return {**json["$defs"][reference.removeprefix(prefix)], "$defs": json["$defs"]}


def _unwrapping(adapter: Any, json: dict[str, Any]) -> Callable[[Any], Any]:
    """The check of an object that also takes it inside `{"value": …}`, as some models put it there."""

    def check(value: Any) -> Any:
        wrapped = isinstance(value, dict) and set(value) == {"value"}
        if wrapped and "value" not in json.get("properties", {}):
            try:
                return adapter.validate_python(value)
            except ValueError:
                return adapter.validate_python(value["value"])
        return adapter.validate_python(value)

    return check


def _described(hint: Any, description: Any) -> Any:
    from typing import Annotated

    return Annotated[hint, description]


def _json_schema_check(schema: dict[str, Any]) -> Callable[[Any], Any]:
    from jsonschema import validators
    from jsonschema.exceptions import SchemaError

    validator = validators.validator_for(schema)
    try:
        validator.check_schema(schema)
    except SchemaError as error:
        raise UsageError(f"output_type is not a JSON schema: {error.message}.") from error
    checker = validator(schema)

    def check(value: Any) -> Any:
        if errors := sorted(checker.iter_errors(value), key=lambda e: list(map(str, e.path))):
            raise _Invalid(
                [{"loc": tuple(error.absolute_path), "msg": error.message} for error in errors]
            )
        return value

    return check


class _Invalid(ValueError):
    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__("invalid")
        self.errors = lambda: errors


def _errors(error: ValueError) -> list[dict[str, Any]]:
    listed = getattr(error, "errors", None)
    return listed() if callable(listed) else [{"loc": (), "msg": str(error)}]  # type: ignore[return-value]


def _line(error: dict[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


def _without_titles(schema: Any) -> Any:
    """The same schema without the titles pydantic makes of names: fewer tokens in each request."""
    if isinstance(schema, list):
        return [_without_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    plain: dict[str, Any] = {}
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            plain[key] = {name: _without_titles(item) for name, item in value.items()}
        elif not (key == "title" and isinstance(value, str)):
            plain[key] = value if key in ("default", "enum", "const") else _without_titles(value)
    return plain


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__name__", repr(function))
