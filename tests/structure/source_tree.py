"""The source files of all distributions, and the imports between their modules."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Module:
    """A source file with its import name."""

    name: str
    path: Path

    @property
    def package(self) -> str:
        """The import name of the distribution's package."""
        return self.name.partition(".")[0]

    @property
    def parent(self) -> str:
        """The package that relative imports start from."""
        return self.name if self.path.name == "__init__.py" else self.name.rpartition(".")[0]

    @property
    def in_cli(self) -> bool:
        return "cli" in self.name.split(".")[1:]

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.path)

    def at(self, node: ast.AST) -> str:
        """Return the place of a node, for messages."""
        return f"{self.path.relative_to(ROOT)}:{getattr(node, 'lineno', 1)}"


@cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"))


@cache
def modules() -> dict[str, Module]:
    """Return the modules of all distributions by import name."""
    found = {}
    for source in (ROOT / "core/src", *sorted(ROOT.glob("plugins/*/src"))):
        for path in sorted(source.rglob("*.py")):
            parts = path.relative_to(source).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            found[name] = Module(name, path)
    return found


def imports(module: Module, node: ast.AST | None = None) -> Iterator[tuple[ast.AST, str]]:
    """Yield (node, absolute import name) for each import, except those for type checkers only."""
    for child in ast.iter_child_nodes(node or module.tree):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if isinstance(child, ast.Import):
            yield from ((child, alias.name) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parts = module.parent.split(".")
                base = ".".join([*parts[: len(parts) - child.level + 1], *filter(None, [base])])
            yield from ((child, f"{base}.{alias.name}") for alias in child.names)
        yield from imports(module, child)


def imported_modules(module: Module) -> set[str]:
    """Return the modules of this repository that a module imports, at its top or in functions."""
    found = set()
    for _, name in imports(module):
        parent = name.rpartition(".")[0]
        target = name if name in modules() else parent
        if target in modules() and target != module.name:
            found.add(target)
    return found


def exported(package: Path) -> Iterator[tuple[Module, ast.ClassDef | ast.FunctionDef]]:
    """Yield the classes and functions that the file ``__init__.pyi`` of a package exports."""
    for node in ast.parse((package / "__init__.pyi").read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.level:
            module = modules().get(f"{package.name}.{node.module}")
            names = {alias.name for alias in node.names}
            for found in module.tree.body if module else ():
                if isinstance(found, ast.ClassDef | ast.FunctionDef) and found.name in names:
                    yield module, found


def names_and_strings(module: Module) -> Iterator[tuple[ast.AST, str]]:
    """Yield the identifiers and the strings of a module, except for docstrings."""
    docstrings = {
        statement.value
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if node not in docstrings:
                yield node, node.value
        elif text := getattr(node, "id", getattr(node, "attr", getattr(node, "name", None))):
            yield node, str(text)


def cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of nodes that reach each other (Tarjan 1972, SIAM J. Comput. 1, 146)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in sorted(graph.get(node, ())):
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(sorted(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def depth(graph: dict[str, set[str]]) -> int:
    """Return the number of nodes on the longest path of a graph without cycles."""

    @cache
    def below(node: str) -> int:
        return 1 + max((below(other) for other in graph.get(node, ())), default=0)

    return max(map(below, graph))
