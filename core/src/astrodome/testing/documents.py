"""Compare the JSON output of a command with the schema that the command declares."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any, NoReturn

from ..outputs import Declaration, json_schema

LONGEST = 5
"""Maximum number of problems in a message."""


def refuse(constant: str) -> NoReturn:
    """Raise ValueError for ``NaN`` and ``Infinity``, which are not valid JSON."""
    raise ValueError(f"{constant} is not valid JSON")


def problems(document: Any, declared: Declaration | None) -> list[str]:
    """Return the differences between a document and its declaration.

    The list is empty if nothing is declared, or if jsonschema is not installed.
    """
    if declared is None or find_spec("jsonschema") is None:
        return []
    if declared.document is None:
        return ["the command declares None, but prints a document"]
    from jsonschema import Draft202012Validator

    validator = Draft202012Validator(closed(json_schema(declared.document)))
    found = sorted(validator.iter_errors(document), key=lambda error: error.json_path)
    return [f"{error.json_path}: {error.message}" for error in found[:LONGEST]]


def closed(schema: Any) -> Any:
    """Return a schema in which objects have only the declared keys."""
    if isinstance(schema, list):
        return [closed(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: closed(value) for key, value in schema.items()}
    is_object = schema.get("type") == "object" and "properties" in schema
    return {"additionalProperties": False} | found if is_object else found
