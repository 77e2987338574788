"""Taxonomy: a tree of classes."""

from __future__ import annotations

from collections.abc import Container, Iterator

from pydantic import Field

from .schema import ScopeSection


class TaxonomyNode(ScopeSection):
    """A class in the taxonomy, with the keys of the tdtax schema."""

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
    """Yield (tag, parent tag) for each descendant of ``node``.

    Nodes whose tags are not in ``tags`` are skipped. The parent of a node is its closest ancestor
    in ``tags``, or ``parent`` if no ancestor is in ``tags``. Nodes without a parent are skipped.
    """
    for child in node.subclasses or []:
        if parent and child.tag in tags:
            yield child.tag, parent
        yield from parents(child, tags, child.tag if child.tag in tags else parent)
