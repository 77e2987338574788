"""The taxonomy: a tree of classes, and what is configured for each."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from pydantic import Field

from .schema import Section

if TYPE_CHECKING:
    from .loading import ScopeConfig


class TaxonomyNode(Section):
    """A class of the taxonomy, with the keys that the tdtax schema has."""

    tag: str = Field(alias="class")
    name: str = ""
    description: str = ""
    other_names: list[str] = Field(default_factory=list, alias="other names")
    tags: list[str] = Field(default_factory=list)
    links: list[str] = Field(default_factory=list)
    comments: list[str] = Field(default_factory=list)
    subclasses: list[TaxonomyNode] | None = None


def wider(
    node: TaxonomyNode, among: Container[str], above: str | None = None
) -> Iterator[tuple[str, str]]:
    """(tag, tag of the next wider class) below a node, looking only at classes ``among`` these."""
    for child in node.subclasses or []:
        if above and child.tag in among:
            yield child.tag, above
        yield from wider(child, among, child.tag if child.tag in among else above)


def rows(config: ScopeConfig, tags: Sequence[str] = ()) -> list[dict[str, Any]]:
    """One record a class, in the order of the configuration; all of them when no tag is given.

    ``parent`` is the next wider class that is configured, if there is one; ``feature_count``
    the number of features that are included. Raises AstrodomeError for an unknown tag.
    """
    parents = dict(wider(config.taxonomy, config.classes))
    return [
        {
            "tag": tag,
            "label": entry.label,
            "parent": parents.get(tag),
            "features": entry.features,
            "feature_count": len(config.feature_sets[entry.features]),
            **entry.model_dump(exclude={"label", "features"}),
        }
        for tag, entry in config.select(tags).items()
    ]
