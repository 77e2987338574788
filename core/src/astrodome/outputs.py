"""Declare the JSON document that a command prints, and whether the command changes data."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import (
    Annotated,
    Any,
    Literal,
    NotRequired,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

Function = TypeVar("Function", bound=Callable[..., Any])
_ATTRIBUTE = "__astrodome_output__"
_TYPES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Declaration:
    """The type of the JSON document that a command prints, and the effect of the command.

    ``document`` is None if the command has no option ``--json``. ``reads_only`` is True if the
    command changes no store, marshal or file, apart from caches, unless a parameter in
    ``writes_with`` is given.
    """

    document: Any
    reads_only: bool
    writes_with: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class More:
    """Annotation of a ``TypedDict`` whose documents contain further keys.

    ``values`` is the type of their values, for example in ``Annotated[Star, More(float)]``.
    """

    values: Any = Any


class Failure(TypedDict):
    """An item that could not be processed."""

    name: str
    reason: str


class OutcomeDocument(TypedDict):
    """Numbers of processed and skipped items, and the failed items."""

    done: int
    skipped: int
    failed: list[Failure]


class ReportDocument(TypedDict):
    """A report, the files that exporters wrote, and the views that failed."""

    report: str
    exports: NotRequired[list[str]]
    failed: NotRequired[list[Failure]]


class PlanDocument(TypedDict):
    """Result of a dry run: the items that would be processed or written."""

    dry_run: Literal[True]
    planned: list[str]
    deleted: list[str]
    skipped: int
    failed: list[Failure]


class ErrorContent(TypedDict):
    """Code, message and hint of an error. machine-readable.md describes the codes."""

    code: str
    message: str
    hint: str


class ErrorDocument(TypedDict):
    """Document that a command prints instead of its result if it fails as a whole."""

    error: ErrorContent


def declare(
    document: Any, *, reads_only: bool = False, writes_with: tuple[str, ...] = ()
) -> Callable[[Function], Function]:
    """Return a decorator that declares the output of a command.

    Place the decorator directly above the function, below the decorators of Typer.

    Parameters
    ----------
    document
        Type of the document that the command prints with ``--json``: a ``TypedDict``, or a list,
        union or mapping of such types. None if the command has no option ``--json``.
    reads_only
        Whether the command changes no store, marshal or file.
    writes_with
        Names of the function parameters with which a command that ``reads_only`` writes files, for
        example the path of an output file.

    Examples
    --------
    >>> class Star(TypedDict):
    ...     name: str
    ...     mag: float | None
    >>> @declare(list[Star], reads_only=True)
    ... def stars() -> None: ...
    """

    def decorate(function: Function) -> Function:
        setattr(function, _ATTRIBUTE, Declaration(document, reads_only, writes_with))
        return function

    return decorate


def declaration(function: Any) -> Declaration | None:
    """Return the declaration of a command function, or None if it has none."""
    found = getattr(function, _ATTRIBUTE, None)
    return found if isinstance(found, Declaration) else None


def json_schema(annotation: Any) -> dict[str, Any] | bool:
    """Return the JSON Schema of a type.

    Supported are ``Any``, ``None``, ``str``, ``int``, ``float``, ``bool``, ``Literal``, ``list``,
    ``dict`` and ``TypedDict``, and unions of them. In ``Annotated``, a string is the description,
    and :class:`More` allows further keys.

    Examples
    --------
    >>> json_schema(list[float | None])
    {'type': 'array', 'items': {'type': ['number', 'null']}}
    """
    origin, args = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return True
    if annotation is None:
        return {"type": "null"}
    if annotation in _TYPES:
        return {"type": _TYPES[annotation]}
    if is_typeddict(annotation):
        return _object(annotation)
    if origin is Annotated:
        return _annotated(json_schema(args[0]), args[1:])
    if origin is Literal:
        return {"enum": list(args)}
    if origin is list:
        return {"type": "array", "items": json_schema(args[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": json_schema(args[1])}
    if origin in (Union, types.UnionType):
        return _union([json_schema(one) for one in args])
    raise TypeError(f"No JSON Schema exists for {annotation!r}.")


def _annotated(schema: dict[str, Any] | bool, notes: tuple[Any, ...]) -> dict[str, Any] | bool:
    if isinstance(schema, bool):
        return schema
    for note in notes:
        if isinstance(note, str):
            schema["description"] = note
        elif isinstance(note, More):
            schema["additionalProperties"] = json_schema(note.values)
    return schema


def _union(choices: list[dict[str, Any] | bool]) -> dict[str, Any] | bool:
    """Return the schema of a union; simple types are joined to one list of types."""
    if True in choices:
        return True
    simple = [one["type"] for one in choices if isinstance(one, dict) and set(one) == {"type"}]
    rest = [one for one in choices if not (isinstance(one, dict) and set(one) == {"type"})]
    if simple and not rest:
        return {"type": simple}
    joined = [{"type": simple if len(simple) > 1 else simple[0]}] if simple else []
    return {"anyOf": [*rest, *joined]}


def _object(document: Any) -> dict[str, Any]:
    """Return the schema of a TypedDict. Its docstring is the description."""
    hints: Mapping[str, Any] = get_type_hints(document, include_extras=True)
    optional = {key for key, hint in hints.items() if get_origin(hint) is NotRequired}
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {
            key: json_schema(get_args(hint)[0] if key in optional else hint)
            for key, hint in hints.items()
        },
        "required": [key for key in hints if key not in optional],
    }
    if document.__doc__:
        schema["description"] = " ".join(document.__doc__.split())
    return schema
