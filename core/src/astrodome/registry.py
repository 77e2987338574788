"""Store the loaded plugins, and look up the specs that they registered."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import Any, TypeVar

from . import distributions
from .errors import AstrodomeError, InvalidInputError
from .hookspecs import CheckSpec, CommandSpec, KindSpec, ModelSpec, SourceSpec, ViewSpec
from .scripts import program
from .specs import AnySpec, dashed

Spec = TypeVar("Spec", CommandSpec, SourceSpec, ModelSpec, ViewSpec, KindSpec, CheckSpec)
Owned = dict[str, list[tuple["Plugin", Spec]]]
"""Lists of (plugin, spec) for the specs that plugins registered, keyed by spec name."""

STATES = {
    "failed": "failed to load",
    "incompatible": "is incompatible",
    "disabled": "is disabled",
    "not loaded": "was not loaded",
}
"""Text that follows the name of an inactive plugin in messages, keyed by status."""


@dataclass
class Plugin:
    """A plugin, with its entry point, its state, and the specs that its hooks returned."""

    name: str
    app: str
    entry_point: EntryPoint | None = None
    status: str = "active"
    error: str = ""
    faults: list[str] = field(default_factory=list)
    """Descriptions of changes that the plugin made to the process and that the host reverted."""
    seconds: float = 0.0
    specs: tuple[AnySpec, ...] = ()
    origin: str = ""
    """Path of a plugin without a distribution, which was found in the plugin folder."""

    def registered(self, spec_class: type[Spec]) -> tuple[Spec, ...]:
        """Return the registered specs that are instances of ``spec_class``."""
        return tuple(spec for spec in self.specs if isinstance(spec, spec_class))

    @property
    def distribution(self) -> str:
        """Name of the distribution, read from its metadata."""
        dist = self.entry_point.dist if self.entry_point else None
        return distributions.name_of(dist) if dist else ""

    @property
    def version(self) -> str:
        """Version of the distribution, or an empty string if it is unknown."""
        dist = self.entry_point.dist if self.entry_point else None
        return distributions.version_of(dist) if dist else ""

    @property
    def owner(self) -> str:
        """Name of the distribution; otherwise the path of the file, or the name of the plugin."""
        return self.distribution or self.origin or self.name

    @property
    def state(self) -> str:
        """Text that follows the plugin name in messages, such as ``failed to load: MESSAGE``."""
        return f"{STATES.get(self.status, 'is active')}: {self.error}".removesuffix(": ")


@dataclass
class Registry:
    """The plugins of an app, whose specs can be looked up by name."""

    app: str = ""
    plugins: list[Plugin] = field(default_factory=list)

    def commands(self) -> Owned[CommandSpec]:
        """Return the commands, keyed by name with ``-`` instead of ``_``."""
        return self._by(CommandSpec, lambda spec: dashed(spec.name))

    def sources(self, kind: str) -> Owned[SourceSpec]:
        """Return the data sources of the given kind, keyed by name."""
        return self._by(SourceSpec, lambda spec: spec.name if spec.kind == kind else None)

    def models(self, task: str) -> Owned[ModelSpec]:
        """Return the models for a task, keyed by name with ``-`` instead of ``_``."""
        return self._by(ModelSpec, lambda spec: dashed(spec.name) if spec.task == task else None)

    def views(self, subject: str) -> Owned[ViewSpec]:
        """Return the views of a subject, keyed by name with ``-`` instead of ``_``.

        The views of the plugin that declares the subject come first.
        """
        found = self._by(
            ViewSpec, lambda spec: dashed(spec.name) if spec.subject == subject else None
        )
        first = {plugin.owner for plugin, _ in self.kinds("view").get(subject, ())}
        return dict(sorted(found.items(), key=lambda item: item[1][0][0].owner not in first))

    def kinds(self, role: str) -> Owned[KindSpec]:
        """Return the kinds that are declared for a role, keyed by name.

        ``role`` is ``source`` for kinds of data sources, ``model`` for model tasks, and ``view``
        for subjects of views.
        """
        return self._by(KindSpec, lambda spec: spec.name if spec.role == role else None)

    def _by(self, spec_class: type[Spec], key: Callable[[Spec], str | None]) -> Owned[Spec]:
        found: Owned[Spec] = {}
        for plugin in self.plugins:
            for spec in plugin.registered(spec_class):
                if (name := key(spec)) is None:
                    continue
                owned = found.setdefault(name, [])
                if all(spec != other for _, other in owned):  # A plugin may extend two apps.
                    owned.append((plugin, spec))
        return found

    def clashes(self) -> Iterator[str]:
        """Yield an error message for each name that is registered by several plugins."""
        registered: dict[str, Owned[Any]] = {
            "command": self.commands(),
            "source kind": self.kinds("source"),
            "model task": self.kinds("model"),
            "view subject": self.kinds("view"),
        }
        for kind in sorted({s.kind for p in self.plugins for s in p.registered(SourceSpec)}):
            registered[f"{kind} source"] = self.sources(kind)
        for task in sorted({m.task for p in self.plugins for m in p.registered(ModelSpec)}):
            registered[f"{task} model"] = self.models(task)
        for subject in sorted({v.subject for p in self.plugins for v in p.registered(ViewSpec)}):
            registered[f"{subject} view"] = self.views(subject)
        for what, names in registered.items():
            for name, owned in names.items():
                if len(owned) > 1:
                    yield clash(what, name, owned).message


def clash(what: str, name: str, owned: Iterable[tuple[Plugin, Any]]) -> AstrodomeError:
    """Return the error for a name that is registered by several plugins."""
    found = sorted(owned, key=lambda pair: pair[0].owner)
    return AstrodomeError(
        f"The {what} '{name}' is registered by {' and by '.join(p.owner for p, _ in found)}, so it "
        "cannot be used.",
        f"Disable one of these plugins: {program(found[0][0].app)} plugins disable NAME.",
    )


def find(what: str, group: tuple[str, str], name: str, found: Owned[Spec]) -> tuple[Plugin, Spec]:
    """Return the plugin and the spec that are registered for a name.

    ``what`` is the noun for the spec, and ``group`` the noun and the name of the group to which it
    belongs, for example ``("task", "sood")``. In ``name``, ``_`` and ``-`` are equivalent. Raises
    InvalidInputError if the name is unknown, and AstrodomeError if it is registered several times.
    """
    if dashed(name) not in found:
        known = ", ".join(owned[0][1].name for owned in found.values()) or "none"
        raise InvalidInputError(
            f"{what.capitalize()} not found: '{name}' for the {group[0]} '{group[1]}'.",
            f"Installed {what}s: {known}.",
        )
    return only(f"{group[1]} {what}", name, found[dashed(name)])


def only(what: str, name: str, owned: list[tuple[Plugin, Spec]]) -> tuple[Plugin, Spec]:
    """Return the only plugin and spec for a name; raise AstrodomeError if there are several."""
    if len(owned) > 1:
        raise clash(what, name, owned)
    return owned[0]
