"""Each distribution requires the libraries that it imports, so it works without the others."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PARTS = [
    ROOT / "core",
    *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml")),
]
WITH_ASTRODOME = {"typer", "pydantic"}
"""Libraries in the interface of the host, which plugins do not need to require."""
VULNERABLE = {
    "aiohttp": ("3.14.2",),  # CVE-2026-69244
    "distributed": ("2026.1.0",),  # CVE-2026-23528
    "filelock": ("3.20.2",),  # CVE-2026-22701
    "jinja2": ("3.1.5",),  # CVE-2025-27516
    "keras": ("3.11.2", "3.15.0"),  # CVE-2025-49655, CVE-2026-1462, CVE-2026-12570
    "lightning": ("2.6.2", "2.6.3"),  # malicious releases, GHSA-w37p-236h-pfx3
    "onnx": ("1.20.1",),  # CVE-2026-27489
    "pillow": ("12.1.1",),  # CVE-2026-25990, CVE-2026-40192
    "pyarrow": ("23.0.0",),  # CVE-2026-25087
    "pytest": ("9.0.2",),  # CVE-2025-71176
    "requests": ("2.32.5",),  # CVE-2026-25645
    "torch": ("2.9.1",),  # CVE-2025-32434, CVE-2026-24747
    "urllib3": ("2.6.3",),  # CVE-2026-44431, CVE-2026-44432
}
"""The newest releases with a published advisory: no range and no pin may allow them."""


def test_no_requirement_allows_a_release_with_a_published_advisory() -> None:
    admitted, seen = [], set()
    for file in [ROOT / "pyproject.toml", *(part / "pyproject.toml" for part in PARTS)]:
        for line in requirements(tomllib.loads(file.read_text("utf-8"))):
            required = Requirement(line)
            for release in VULNERABLE.get(name(line), ()):
                seen.add(name(line))
                if required.specifier.contains(release):
                    admitted.append(f"{file.relative_to(ROOT)}: {line} admits {release}")
    assert not admitted, "\n".join(admitted)
    assert seen == set(VULNERABLE)


def test_no_pin_is_older_than_the_release_that_fixes_an_advisory() -> None:
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pins = {name(line): line.partition("==")[2] for line in lines if not line.startswith("#")}
    old = [
        f"{library}=={pins[library]}"
        for library, releases in VULNERABLE.items()
        if Version(pins[library]) <= max(map(Version, releases))
    ]
    assert not old


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_a_distribution_requires_every_library_that_it_imports(part: Path) -> None:
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


def requirements(content: dict[str, Any]) -> Iterator[str]:
    """Yield every requirement in a pyproject.toml: of the project, its extras and its groups."""
    project = content.get("project", {})
    yield from project.get("dependencies", ())
    for section in (project.get("optional-dependencies", {}), content.get("dependency-groups", {})):
        for lines in section.values():
            yield from (line for line in lines if isinstance(line, str))


def name(requirement: str) -> str:
    """Return the normalized name of the distribution in a requirement."""
    found = re.match(r"[\w.-]+", requirement)
    assert found
    return re.sub(r"[-_.]+", "-", found[0]).lower()


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the packages that a module imports, except for type checking only."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from imported(child)
