"""Taxonomies of classes on a marshal: a tree from a file, posted once, and trees to look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, settings

from ..config.taxonomy import TaxonomyNode
from .idempotent_writes import Once

CONFIGURED = "config"


def read(which: str) -> dict[str, Any]:
    """A tree of ``class`` and ``subclasses`` from YAML as tdtax has it; ``config``: our own.

    Raises AstrodomeError that names the place when the tree is none, or has a class twice.
    """
    if which == CONFIGURED:
        from ..config.loading import load_config

        tree: dict[str, Any] = _named(load_config().taxonomy)
    else:
        path = Path(which)
        if not path.is_file():
            raise AstrodomeError(
                f"There is no file {path}.",
                "YAML, or 'config' for the configured taxonomy.",
                exit_code=2,
            )
        tree = settings.read_yaml(path)
    settings.validate(TaxonomyNode, tree, which)
    seen: set[str] = set()
    for names in paths(tree):
        if names[-1] in seen:
            raise AstrodomeError(f"{which} has the class '{names[-1]}' twice.")
        seen.add(names[-1])
    return tree


def _named(node: TaxonomyNode) -> dict[str, Any]:
    """The configured tree, by the names that people read instead of our tags."""
    branches = [_named(branch) for branch in node.subclasses or ()]
    return {"class": node.name or node.tag, **({"subclasses": branches} if branches else {})}


def paths(tree: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every class of a tree, with those that it is under."""
    here = (*above, str(tree["class"]))
    yield here
    for branch in tree.get("subclasses") or ():
        yield from paths(branch, here)


def post(
    marshal: Any,
    once: Once,
    tree: Mapping[str, Any],
    name: str,
    version: str,
    provenance: str,
    group_ids: Sequence[int] = (),
) -> dict[str, Any] | None:
    """Post a taxonomy, unless there is one of that name and version; the one that is there.

    Raises AstrodomeError when another tree has the name and version; None in a dry run.
    """

    def there() -> dict[str, Any] | None:
        same = (t for t in marshal.taxonomies() if (t["name"], t["version"]) == (name, version))
        return next(same, None)

    before = there()
    if before is not None and before.get("hierarchy") != tree:
        raise AstrodomeError(
            f"There is another taxonomy '{name}' {version} (id {before['id']}).",
            "Give another --version.",
        )
    body: dict[str, Any] = {
        "name": name,
        "version": version,
        "provenance": provenance,
        "hierarchy": dict(tree),
    }
    if group_ids:
        body["group_ids"] = list(group_ids)
    once.ensure(
        "taxonomy",
        "",
        body,
        lambda: marshal.post_taxonomy(body),
        lambda: there() is not None,
        there=before is not None,
    )
    return None if once.dry and before is None else there()
