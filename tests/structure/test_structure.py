"""Rules for the source tree; each failure names the place."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator

import pytest
from structure import source_tree
from structure.source_tree import Module

MODULES = list(source_tree.modules().values())
PRINTING = {
    f"astrodome.{name}"
    for name in (
        "app",  # the command line
        "commands",
        "console",
        "plugins",  # warns about effects of plugins
        "process",
        "rescue",  # works without the libraries of console
        "schema",
        "start",
        "state",
        "startup_check",
        "workers",
    )
}
"""Modules of the host that print or exit; in plugins, only the package ``cli`` does."""
SHARED = {"astrodome", "astrodome_solar"}
"""Packages that every plugin may import."""
DOMAIN = {"catalogue", "flux", "goes", "hek", "images", "marshal", "scope", "sdo", "solar", "sood"}
"""Kinds, tasks, apps and commands of plugins, which the host gets from data."""
TOP_LEVEL = {
    *(".ci", ".github", ".gitignore", ".pre-commit-config.yaml"),
    *("benchmarks", "changes", "core", "docs", "examples", "plugins", "tests"),
    *("CHANGELOG.md", "CITATION.cff", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "LICENSE"),
    *("Makefile", "README.md", "SECURITY.md", "codemeta.json"),
    *("constraints.txt", "noxfile.py", "pylock.toml", "pyproject.toml", "release"),
    *(".readthedocs.yaml", "oldest.txt"),
}
"""Tests and commands must not leave files here."""
LONGEST_MODULE = 400
LONGEST_COMMAND = 80
HEAVY = {"astropy", "matplotlib", "numpy", "pandas", "requests", "sqlalchemy", "sunpy", "torch"}


def check(offenders: Iterable[str]) -> None:
    """Fail with one line per offender."""
    found = sorted(set(offenders))
    assert not found, "\n".join(["", *found])


def test_only_command_line_modules_print_or_exit() -> None:
    check(
        f"{module.at(node)}: {text}"
        for module in MODULES
        if not module.in_cli and module.name not in PRINTING
        for node, text in output(module)
    )


def output(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield the places where a module prints or exits."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name in ("print", "sys.exit", "typer.echo", "click.echo", "rich.print") or (
                name.startswith("console.") and module.name != "astrodome.console"
            ):
                yield node, f"{name}()"
        elif isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node):
            yield node, "raise SystemExit"


def test_no_module_imports_a_command_line() -> None:
    check(
        f"{module.name} imports {target}"
        for module in MODULES
        if not module.in_cli and not module.name.endswith(".plugin")
        for target in source_tree.imported_modules(module)
        if source_tree.modules()[target].in_cli
    )


def test_the_code_of_the_host_names_no_domain() -> None:
    check(
        f"{module.at(node)}: {word}"
        for module in MODULES
        if module.package == "astrodome"
        for node, text in source_tree.names_and_strings(module)
        for word in DOMAIN & set(re.split(r"[^a-z]+", text.lower()))
    )


def test_plugins_do_not_import_each_other() -> None:
    packages = {module.package for module in MODULES}
    check(
        f"{module.at(node)} imports {name}"
        for module in MODULES
        for node, name in source_tree.imports(module)
        if name.partition(".")[0] in packages - SHARED - {module.package}
        or (module.package in SHARED and name.partition(".")[0] in packages - SHARED)
    )


def test_no_module_uses_private_names_of_another_package() -> None:
    check(
        f"{module.at(node)}: {name}" for module in MODULES for node, name in private_names(module)
    )


def private_names(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield private names that a module imports from another package, or uses as attributes."""
    aliases = {}
    for node, name in source_tree.imports(module):
        if name.partition(".")[0] == module.package:
            continue
        if any(part.startswith("_") and not part.startswith("__") for part in name.split(".")):
            yield node, name
        for alias in getattr(node, "names", ()):
            aliases[(alias.asname or alias.name).partition(".")[0]] = name
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.Attribute) or node.attr.startswith("__"):
            continue
        root, *rest = ast.unparse(node).split(".")
        private = node.attr.startswith("_") and all(part.isidentifier() for part in rest)
        if root in aliases and private and (root, node.attr) != ("os", "_exit"):
            yield node, ast.unparse(node)


@pytest.mark.parametrize("package", sorted({module.package for module in MODULES}))
def test_imports_have_no_cycles(package: str) -> None:
    graph = {
        module.name: source_tree.imported_modules(module)
        for module in MODULES
        if module.package == package
    }
    check(f"{package}: {', '.join(group)}" for group in source_tree.cycles(graph))


def test_the_packages_of_ztf_scope_are_few_and_on_few_levels() -> None:
    graph: dict[str, set[str]] = defaultdict(set)
    for module in MODULES:
        if module.package == "astrodome_ztf_scope" and "." in module.name:
            top = module.name.split(".")[1]
            if top == "testing":  # A module for the tests of other plugins.
                continue
            targets = [name.split(".") for name in source_tree.imported_modules(module)]
            own = {target[1] for target in targets if target[0] == module.package and target[1:]}
            graph[top] |= own - {top}
    assert len(graph) <= 9, sorted(graph)
    check(", ".join(group) for group in source_tree.cycles(graph))
    assert source_tree.depth(graph) <= 5, dict(graph)


def test_public_classes_have_unique_names() -> None:
    places = defaultdict(list)
    for module in MODULES:
        for node in module.tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module.at(node))
    check(f"{name}: {', '.join(found)}" for name, found in places.items() if len(found) > 1)


def test_modules_are_short() -> None:
    lines = {module: len(module.path.read_text("utf-8").splitlines()) for module in MODULES}
    check(f"{module.name}: {n} lines" for module, n in lines.items() if n > LONGEST_MODULE)


def test_command_functions_are_short() -> None:
    check(
        f"{module.at(node)}: {node.name} has {node.end_lineno - node.lineno + 1} lines"
        for module in MODULES
        if module.in_cli or module.name == "astrodome.commands"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.FunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno + 1 > LONGEST_COMMAND
    )


def test_exported_functions_have_numpydoc_sections() -> None:
    packages = [path.parent for path in source_tree.ROOT.glob("plugins/*/src/*/__init__.pyi")]
    assert packages
    check(
        f"{module.at(node)}: {node.name} has no section {section}"
        for package in packages
        for module, node in source_tree.exported(package)
        for section in missing_sections(node)
    )


def missing_sections(node: ast.ClassDef | ast.FunctionDef) -> Iterator[str]:
    if any(ast.unparse(decorator) == "overload" for decorator in node.decorator_list):
        return
    text = ast.get_docstring(node) or ""
    if not text:
        yield "Summary"
    if isinstance(node, ast.FunctionDef):
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        if arguments and "Parameters\n---" not in text:
            yield "Parameters"
        returned = ast.unparse(node.returns) if node.returns else "None"
        if returned != "None" and "Returns\n---" not in text and "Yields\n---" not in text:
            yield "Returns"
        if "Examples\n---" not in text:
            yield "Examples"


def test_settings_models_are_in_modules_without_heavy_libraries() -> None:
    """``config show`` imports the settings models of all plugins."""
    code = (
        "import sys\n"
        "from importlib import import_module\n"
        "from astrodome import plugins, specs\n"
        "targets = {target for plugin in plugins.load_all().plugins for spec in plugin.specs\n"
        "           for target in specs.settings_models(spec).values()}\n"
        "for module in sorted({target.partition(':')[0] for target in targets}):\n"
        "    before = set(sys.modules)\n"
        "    import_module(module)\n"
        f"    heavy = {HEAVY} & (set(sys.modules) - before)\n"
        "    if heavy: print(module, 'imports', *sorted(heavy))\n"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    check(ran.stdout.splitlines())


def test_the_top_level_contains_only_known_files_and_folders() -> None:
    listed = subprocess.run(
        ["git", "ls-tree", "--name-only", "HEAD"],
        cwd=source_tree.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("The sources are not in a git repository.")
    check(name for name in listed.stdout.split() if name not in TOP_LEVEL)
