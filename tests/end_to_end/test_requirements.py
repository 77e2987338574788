"""Each distribution asks for what it imports, so that it works without the others."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = [
    ROOT / "core",
    *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
    ROOT / "examples/plugin_template",
]
WITH_ASTRODOME = {"typer", "pydantic"}
"""The host's interface speaks in them, so a plugin need not ask for them again."""


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_distribution_asks_for_every_library_that_it_imports(part: Path) -> None:
    project = tomllib.loads((part / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project.get("optional-dependencies", {}).values()
    asked = {name(line) for lines in (project["dependencies"], *extras) for line in lines}
    own = {path.name for path in (part / "src").iterdir()}
    providers = packages_distributions()
    missing = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sorted((part / "src").rglob("*.py"))
        for module in set(imported(ast.parse(path.read_text("utf-8"))))
        if module not in own | WITH_ASTRODOME | sys.stdlib_module_names
        and not asked & {name(offer) for offer in providers.get(module, [module])}
    ]
    assert not missing, "\n".join(missing)


def name(requirement: str) -> str:
    """The normal name of the distribution in a requirement."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported(node: ast.AST) -> Iterator[str]:
    """Packages that a module imports anywhere, except for the sake of type checkers."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from imported(child)
