"""Base classes of the conformance tests for sources and models."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from .. import models, plugins, protocols, sources
from ..hookspecs import ModelSpec, SourceSpec
from ..registry import Plugin
from ..specs import dashed
from . import effects
from .contract import with_kinds


@pytest.mark.usefixtures("astrodome_home")
class _Component:
    """Load the plugin of a source or model for each test, and ignore other installed plugins."""

    plugin: str
    """Import name of the plugin module."""

    @pytest.fixture(autouse=True)
    def astrodome_component(self, astrodome_home: object) -> Iterator[None]:
        """Load the plugin module, and the kinds that installed plugins declare."""
        with plugins.using(with_kinds(effects.load(self.plugin))):
            yield

    def _registered(self) -> tuple[Plugin, SourceSpec | ModelSpec]:
        raise NotImplementedError

    def test_it_is_registered_and_has_the_methods_of_its_protocol(self) -> None:
        plugin, spec = self._registered()
        assert protocols.declaration(spec), protocols.undeclared(spec)
        found = [text for text, _ in protocols.examine(plugin, spec) if text]
        assert not found, "\n".join(found)


class SourceContract(_Component):
    """Conformance tests for a data source of any kind.

    Subclass it, or the class for the kind in the distribution that declares the kind.
    """

    kind: ClassVar[str]
    """Kind of the source."""
    source: str
    """Name of the source. It may be followed by an argument, for example ``local:FOLDER``."""

    def create(self) -> Any:
        """Return a new instance of the source."""
        return sources.get(self.kind, self.source)

    def _registered(self) -> tuple[Plugin, SourceSpec | ModelSpec]:
        found = plugins.current().sources(self.kind).get(self.source.partition(":")[0])
        assert found, f"{self.plugin} registers no source '{self.source}' of kind '{self.kind}'"
        return found[0]


class ModelContract(_Component):
    """Conformance tests for a model of any task.

    Subclass it, or the class for the task in the distribution that declares the task.
    """

    task: ClassVar[str]
    """Task of the model."""
    model: str
    """Name of the model."""

    def create(self) -> Any:
        """Return a new instance of the model."""
        return models.get(self.task, self.model)

    @property
    def spec(self) -> ModelSpec:
        """Spec of the model."""
        spec = self._registered()[1]
        assert isinstance(spec, ModelSpec)
        return spec

    def _registered(self) -> tuple[Plugin, SourceSpec | ModelSpec]:
        found = plugins.current().models(self.task).get(dashed(self.model))
        assert found, f"{self.plugin} registers no model '{self.model}' for the task '{self.task}'"
        return found[0]
