"""Check that the commands, sources, models, kinds and checks of a plugin can be used."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import plugins, reports, signatures, specs
from .errors import AstrodomeError, reason
from .hookspecs import CheckSpec, CommandSpec, Finding, KindSpec, ModelSpec, SourceSpec, ViewSpec
from .registry import Plugin
from .specs import AnySpec

if TYPE_CHECKING:
    from pydantic import BaseModel

Implementation = SourceSpec | ModelSpec | ViewSpec
"""Specs whose target is a class that implements the protocol of a declared kind."""


def load(plugin: Plugin, spec: Implementation) -> Any:
    """Import the class of a source, model or view; raise AstrodomeError if it is not valid."""
    target = plugins.load_target(spec.target, plugin, spec.extra)
    if wrong := fault(spec, target) or next(_wrong_signatures(spec, target), ""):
        raise reports.invalid(plugin, f"registers '{spec.name}', but {wrong}")
    return target


def load_options(plugin: Plugin, spec: ModelSpec) -> type[BaseModel]:
    """Import the pydantic model with the options of a model backend.

    Raises AstrodomeError if it cannot be imported or is not valid.
    """
    model: type[BaseModel] = plugins.load_target(spec.settings, plugin)
    if wrong := options_fault(spec, model):
        raise reports.invalid(plugin, f"registers '{spec.name}', but {wrong}")
    return model


def load_settings(plugin: Plugin, target: str) -> type[BaseModel]:
    """Import the pydantic model of a settings section; raise AstrodomeError if it is not valid."""
    model: type[BaseModel] = plugins.load_target(target, plugin)
    if wrong := settings_fault(target, model):
        raise reports.invalid(plugin, f"registers a settings section, but {wrong}")
    return model


def settings_fault(target: str, model: Any) -> str:
    """Return a message if an object is not a pydantic model, otherwise an empty string."""
    valid = isinstance(model, type) and hasattr(model, "model_fields")
    return "" if valid else f"{target} is not a pydantic model"


def options_fault(spec: ModelSpec, model: Any) -> str:
    """Return a message if an object cannot define the options of a model, else an empty string."""
    if wrong := settings_fault(spec.settings, model):
        return wrong
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    if required:
        return f"the option '{required[0]}' in {spec.settings} has no default value"
    return ""


def declaration(spec: Implementation) -> tuple[Plugin, KindSpec] | None:
    """Return the plugin and the KindSpec that declare the kind, task or subject of a spec.

    Return None if no plugin declares it.
    """
    role, _, name = _kind(spec)
    return next(iter(plugins.current().kinds(role).get(name, ())), None)


def _kind(spec: Implementation) -> tuple[str, str, str]:
    """Return the role, the term and the name of the kind, task or subject of a spec."""
    if isinstance(spec, SourceSpec):
        return "source", "kind", spec.kind
    if isinstance(spec, ModelSpec):
        return "model", "task", spec.task
    return "view", "subject", spec.subject


def fault(spec: Implementation, target: Any) -> str:
    """Return a message if the class of a spec is invalid, otherwise an empty string.

    The methods of the class are checked only if a plugin declares the kind and its protocol.
    """
    if not callable(target):
        return f"{spec.target} is an object of type {type(target).__name__}, expected a class"
    declared = declaration(spec)
    if declared is None or not isinstance(target, type):  # The result of a factory is unknown.
        return ""
    plugin, kind = declared
    optional = set(kind.optional) - set(getattr(spec, "verbs", ()))
    missing = [
        f"{name}()"
        for name in _methods(plugins.load_target(kind.protocol, plugin))
        if name not in optional and not callable(getattr(target, name, None))
    ]
    if not missing:
        return ""
    return f"{spec.target} lacks {', '.join(missing)}, which the kind '{kind.name}' requires"


def _methods(protocol: Any) -> list[str]:
    """Return the names of the public methods of a protocol."""
    found = inspect.getmembers(protocol, inspect.isfunction)
    return [name for name, _ in found if not name.startswith("_")]


def _wrong_signatures(spec: Implementation, target: Any) -> Iterator[str]:
    """Yield the methods that have other parameters than the protocol of the kind."""
    declared = declaration(spec)
    if declared is None or not isinstance(target, type):
        return
    protocol = plugins.load_target(declared[1].protocol, declared[0])
    names = [name for name in _methods(protocol) if callable(getattr(target, name, None))]
    yield from signatures.faults(protocol, target, names)


def _has_template(spec: KindSpec) -> bool:
    """Return whether the template folder of a kind exists."""
    from . import scaffold

    try:
        return scaffold.folder(spec.template).is_dir()
    except (AstrodomeError, ImportError, ValueError):
        return False


def options_faults(spec: ModelSpec, model: Any) -> Iterator[str]:
    """Yield problem descriptions for the pydantic model with the options of a model backend."""
    if wrong := options_fault(spec, model):
        yield wrong
        return
    for name, field in model.model_fields.items():
        if not field.description:
            yield f"the option '{name}' in {spec.settings} has no description"


def undeclared(spec: AnySpec) -> str:
    """Return a message if no plugin declares the kind of a spec, otherwise an empty string."""
    if not isinstance(spec, Implementation) or declaration(spec):
        return ""
    _, term, name = _kind(spec)
    return (
        f"no installed plugin declares the {term} '{name}' of '{spec.name}', so its protocol is "
        "not checked"
    )


def all_faults(plugin: Plugin, spec: AnySpec, target: Any) -> Iterator[str]:
    """Yield problem descriptions for an imported object that a spec registers.

    The contract function of the kind is also called for a source, model or view.
    """
    if isinstance(spec, CommandSpec):
        from . import lazy

        if wrong := lazy.fault(target):
            yield f"{spec.target} cannot be the command '{spec.name}': {wrong}"
            return
        try:
            lazy.real(target, lazy.Command(spec.name, help=spec.help))
        except Exception as error:  # For example, Typer does not support the type of a parameter.
            yield f"{spec.target} cannot be the command '{spec.name}': {error}"
    elif isinstance(spec, Implementation):
        wrong = fault(spec, target)
        if wrong:
            yield wrong
            return
        yield from _wrong_signatures(spec, target)
        if isinstance(target, type) and (names := signatures.required(target)):
            yield f"{spec.target} must be callable without arguments, but requires {names}"
        if (declared := declaration(spec)) and declared[1].contract:
            yield from plugins.load_target(declared[1].contract, declared[0])(spec, target)
    elif isinstance(spec, KindSpec):
        if not isinstance(target, type):
            yield f"the protocol {spec.protocol} of the kind '{spec.name}' is not a class"
        if spec.template and not _has_template(spec):
            yield (
                f"the template folder '{spec.template}' of the kind '{spec.name}' does not exist"
            )
    elif not callable(target):
        yield f"{spec.target} of the check '{spec.name}' is not a function"


def examine(plugin: Plugin, spec: AnySpec) -> Iterator[tuple[str, bool]]:
    """Import all objects that a spec refers to, and yield (problem, optional) for each of them.

    The problem description is empty if the object can be used. ``optional`` is True if the import
    failed and the spec has an extra.
    """
    extra, sections = getattr(spec, "extra", ""), specs.settings_models(spec)
    for field, target in {**specs.targets(spec), **sections}.items():
        optional = False
        try:
            loaded = plugins.load_target(target, plugin, extra)
            main = field in ("target", "protocol", "fix")
            faults = list(all_faults(plugin, spec, loaded)) if main else []
            if isinstance(spec, ModelSpec) and not main:
                faults = list(options_faults(spec, loaded))
            elif field in sections and (wrong := settings_fault(target, loaded)):
                faults = [wrong]
        except AstrodomeError as error:
            faults, optional = [f"{error.message} {error.hint}".strip()], bool(extra)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # A plugin may raise any exception.
            faults = [f"{target} cannot be imported: {reason(error)}"]
        yield from ((text, optional) for text in faults or [""])


def run_check(plugin: Plugin, spec: CheckSpec) -> list[Finding | str]:
    """Run a health check of a plugin, and return the problems that it found."""
    try:
        found = plugins.load_target(spec.target, plugin, spec.extra)()
        return [each if isinstance(each, Finding) else str(each) for each in found]
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # A plugin may raise any exception.
        return [reason(error)]
