"""The taxonomy: a tree of classes, and the configuration of each class."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from .schema import Section

if TYPE_CHECKING:
    from .loading import ScopeConfig


class TaxonomyNode(Section):
    """A class of the taxonomy, with the keys of the tdtax schema."""

    tag: str = Field(alias="class")
    name: str = ""
    description: str = ""
    other_names: list[str] = Field(default_factory=list, alias="other names")
    tags: list[str] = Field(default_factory=list)
    links: list[str] = Field(default_factory=list)
    comments: list[str] = Field(default_factory=list)
    subclasses: list[TaxonomyNode] | None = None


def parents(
    node: TaxonomyNode, tags: Container[str], parent: str | None = None
) -> Iterator[tuple[str, str]]:
    """Yield (tag, tag of the closest parent) for the nodes below ``node``.

    Nodes whose tag is not in ``tags`` are skipped.
    """
    for child in node.subclasses or []:
        if parent and child.tag in tags:
            yield child.tag, parent
        yield from parents(child, tags, child.tag if child.tag in tags else parent)


def class_records(config: ScopeConfig, tags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Return one record per class, in the order of the configuration.

    ``parent`` is the closest configured parent class in the taxonomy, or None; ``feature_count``
    is the number of included features. If ``tags`` is empty, all classes are returned. Raises
    AstrodomeError for an unknown tag.
    """
    parent_of = dict(parents(config.taxonomy, config.classes))
    return [
        {
            "tag": tag,
            "label": entry.label,
            "parent": parent_of.get(tag),
            "features": entry.features,
            "feature_count": len(config.feature_sets[entry.features]),
            **entry.model_dump(exclude={"label", "features"}),
        }
        for tag, entry in config.select(tags).items()
    ]
