"""Read taxonomies (trees of classes) and post them to a marshal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, errors, settings

from ..config.taxonomy import TaxonomyNode
from .idempotent_writes import IdempotentWriter
from .protocol import Marshal

CONFIGURED = "config"


def read(source: str) -> dict[str, Any]:
    """Read a taxonomy as nested mappings with the keys ``class`` and ``subclasses``.

    ``source`` is the path of a YAML file in tdtax format, or ``config`` for the taxonomy in the
    configuration. Raises AstrodomeError if the tree is invalid or contains a class more than once.
    """
    if source == CONFIGURED:
        from ..config.loading import load_config

        tree: dict[str, Any] = _with_names(load_config().taxonomy)
    else:
        path = Path(source)
        if not path.is_file():
            hint = "Specify a YAML file, or 'config' for the configured taxonomy."
            raise errors.not_found(path, hint, kind="Taxonomy file", exit_code=2)
        tree = settings.read_yaml(path)
    settings.validate(TaxonomyNode, tree, source)
    names = [path_to_class[-1] for path_to_class in class_paths(tree)]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise AstrodomeError(f"{source} contains the class '{twice}' more than once.")
    return tree


def _with_names(node: TaxonomyNode) -> dict[str, Any]:
    """Convert the configured tree to nested mappings with class names instead of tags."""
    branches = [_with_names(branch) for branch in node.subclasses or ()]
    return {"class": node.name or node.tag, **({"subclasses": branches} if branches else {})}


def class_paths(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of every class in a tree, as a tuple of class names from the root."""
    here = (*above, str(tree["class"]))
    yield here
    for branch in tree.get("subclasses") or ():
        yield from class_paths(branch, here)


def post(
    marshal: Marshal,
    writer: IdempotentWriter,
    tree: Mapping[str, Any],
    name: str,
    version: str,
    provenance: str,
    group_ids: Sequence[int] = (),
) -> dict[str, Any] | None:
    """Post a taxonomy unless it already exists, and return the taxonomy stored on the marshal.

    In a dry run, None is returned if the taxonomy does not exist yet. Raises AstrodomeError if a
    different tree with the same name and version exists on the marshal.
    """

    def find() -> dict[str, Any] | None:
        same = (t for t in marshal.taxonomies() if (t["name"], t["version"]) == (name, version))
        return next(same, None)

    existing = find()
    if existing is not None and existing.get("hierarchy") != tree:
        raise AstrodomeError(
            f"A different taxonomy '{name}' with version {version} already exists (id "
            f"{existing['id']}).",
            "Specify another version.",
        )
    body: dict[str, Any] = {"name": name, "version": version, "provenance": provenance}
    body |= {"hierarchy": dict(tree), **({"group_ids": list(group_ids)} if group_ids else {})}
    writer.ensure(
        "taxonomy",
        "",
        body,
        send=lambda: marshal.post_taxonomy(body),
        is_done=lambda: find() is not None,
        done=existing is not None,
    )
    return existing or find()
