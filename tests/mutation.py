"""Measure how well the tests detect small faults in the code (mutation testing).

``python tests/mutation.py cover`` runs the test suite once and records which tests execute
each line. ``python tests/mutation.py run --count 180`` then selects random mutants in all
distributions, applies one at a time to a copy of the repository, and runs the tests that
execute the changed line. A mutant survives if all of them pass. The result is a JSON file.
"""

from __future__ import annotations

import argparse
import ast
import copy
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from queue import Queue

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {path.parent: path for path in sorted(ROOT.glob("core/src"))} | {
    path.parent: path for path in sorted(ROOT.glob("plugins/*/src"))
}
COPIED = ("core", "plugins", "tests", "docs", "examples", "benchmarks")
FOLDERS = ("core", "goes", "hek_events", "sdo_data", "solar", "sood", "ztf_scope")

REFERENCES = [
    f"tests/docs/test_docs.py::test_the_reference_of_{what}_is_up_to_date"
    for what in ("commands", "settings")
]
"""Tests of the defaults of options and settings, which are read when a module is imported."""

OPPOSITE: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Continue: ast.Break,
}
RENAMED = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass
class Mutant:
    """One change of one syntax node: its location, the change, and the result of the tests."""

    path: str
    line: int
    column: int
    kind: str
    before: str
    after: str
    number: int
    status: str = ""
    tests: int = 0
    seconds: float = 0.0


def changes(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield the kind and the replacement for each mutation of a node."""
    new = copy.deepcopy(node)
    if isinstance(new, ast.Compare) and type(new.ops[0]) in OPPOSITE:
        new.ops[0] = OPPOSITE[type(new.ops[0])]()  # type: ignore[call-overload]
        yield "comparison", new
    elif isinstance(new, ast.BinOp | ast.BoolOp) and type(new.op) in OPPOSITE:
        new.op = OPPOSITE[type(new.op)]()  # type: ignore[assignment]
        yield "operator", new
    elif isinstance(new, ast.UnaryOp) and isinstance(new.op, ast.Not):
        yield "negation", new.operand
    elif isinstance(new, ast.Constant) and isinstance(new.value, bool):
        yield "boolean", ast.Constant(not new.value)
    elif isinstance(new, ast.Constant) and isinstance(new.value, int | float):
        yield "number", ast.Constant(new.value + 1)
    elif isinstance(new, ast.Name) and new.id in RENAMED and isinstance(new.ctx, ast.Load):
        yield "function", ast.Name(RENAMED[new.id], ast.Load())
    elif isinstance(new, ast.If | ast.IfExp | ast.While):
        new.test = ast.UnaryOp(ast.Not(), new.test)
        yield "condition", new
    elif isinstance(new, ast.Continue):
        yield "loop", ast.Break()
    elif isinstance(new, ast.Raise) or (
        isinstance(new, ast.Expr) and isinstance(new.value, ast.Call)
    ):
        yield "statement", ast.Pass()
    elif isinstance(new, ast.Return) and ast.unparse(new) not in ("return", "return None"):
        yield "return", ast.Return(ast.Constant(None))


def candidates(path: Path) -> list[Mutant]:
    """Return all mutants of a module, in the order of its syntax tree."""
    tree = ast.parse(path.read_text("utf-8"))
    skipped = _not_executed(tree)
    found = []
    for number, node in enumerate(ast.walk(tree)):
        if id(node) in skipped or not hasattr(node, "lineno"):
            continue
        for kind, new in changes(node):
            before, after = (_text(part) for part in (node, new))
            name = str(path.relative_to(ROOT))
            found.append(Mutant(name, node.lineno, node.col_offset, kind, before, after, number))
    return found


def _not_executed(tree: ast.AST) -> set[int]:
    """Return nodes whose changes no test can detect: annotations and blocks for type checkers."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        parts: list[ast.AST | None] = []
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            parts += [node.returns, *node.decorator_list]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            parts.append(node.annotation)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            parts.append(node)
        for part in parts:
            skipped |= {id(child) for child in ast.walk(part)} if part else set()
    return skipped


def _text(node: ast.AST) -> str:
    first = ast.unparse(ast.fix_missing_locations(node)).splitlines()
    return first[0][:120] if first else ""


def mutated(path: Path, mutant: Mutant) -> str:
    """Return the text of a module with one mutation."""
    tree = ast.parse(path.read_text("utf-8"))
    target = list(ast.walk(tree))[mutant.number]
    replacement = dict(changes(target))[mutant.kind]

    class Replace(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            if node is target:
                return ast.copy_location(replacement, node)
            return self.generic_visit(node)

    return ast.unparse(ast.fix_missing_locations(Replace().visit(tree)))


def draw(count: int, seed: int, folders: list[str]) -> list[Mutant]:
    """Draw mutants over the distributions, in proportion to their size but at least a tenth."""
    chance = random.Random(seed)
    pools = {
        home.name: [m for path in sorted(source.rglob("*.py")) for m in candidates(path)]
        for home, source in SOURCES.items()
        if home.name in folders
    }
    total = sum(map(len, pools.values()))
    drawn = []
    for pool in pools.values():
        share = max(count // 10, round(count * len(pool) / total))
        drawn += chance.sample(pool, min(share, len(pool)))
    chance.shuffle(drawn)
    return drawn


def cover(work: Path, folders: list[str]) -> None:
    """Run the tests of each folder and record which tests execute each line, and their times."""
    work.mkdir(parents=True, exist_ok=True)
    for folder in folders:
        for old in work.glob(f"coverage.{folder}*"):
            old.unlink()
        settings = work / f"coverage.{folder}.ini"
        settings.write_text(_coverage_settings(work / f"coverage.{folder}"))
        command = [sys.executable, "-m", "pytest", "-n0", "-W", "ignore", f"tests/{folder}"]
        command += [f"--cov={home / 'src'}" for home in SOURCES] + [f"--cov-config={settings}"]
        command += ["--cov-context=test", "--cov-report=", "--durations=0", "-vv"]
        environment = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"}
        ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
        print(folder, ran.stdout.strip().splitlines()[-1], flush=True)
        times: dict[str, float] = {}
        for took, test in re.findall(r"^([\d.]+)s \w+ +(\S.*)$", ran.stdout, re.MULTILINE):
            times[test.strip()] = times.get(test.strip(), 0.0) + float(took)
        found = {"times": times, "lines": _tests_by_line(work / f"coverage.{folder}")}
        (work / f"map.{folder}.json").write_text(json.dumps(found))


def _coverage_settings(data: Path) -> str:
    """Return settings with which processes that a test starts are measured under its name."""
    sources = "".join(f"\n    {home / 'src'}" for home in SOURCES)
    return (
        f"[run]\ndata_file = {data}\nparallel = true\npatch = subprocess, _exit, fork\n"
        f"context = ${{PYTEST_CURRENT_TEST-}}\nsource ={sources}\n"
    )


def _tests_by_line(data: Path) -> dict[str, dict[int, list[str]]]:
    """Return the names of the tests that execute each line, by file."""
    from coverage import CoverageData

    coverage = CoverageData(str(data))
    coverage.read()
    found: dict[str, dict[int, list[str]]] = {}
    for file in coverage.measured_files():
        found[str(Path(file).relative_to(ROOT))] = {
            line: sorted({re.sub(r"(\|| \()\w+\)?$", "", test) for test in tests if test})
            for line, tests in coverage.contexts_by_lineno(file).items()
        }
    return found


@dataclass
class Map:
    """The tests that execute each line, and the duration of each test in seconds."""

    times: dict[str, float]
    lines: dict[str, dict[str, list[str]]]

    @classmethod
    def read(cls, work: Path) -> Map:
        made = cls({}, {})
        for path in sorted(work.glob("map.*.json")):
            saved = json.loads(path.read_text())
            made.times |= saved["times"]
            for file, lines in saved["lines"].items():
                known = made.lines.setdefault(file, {})
                for line, tests in lines.items():
                    known[line] = [*known.get(line, []), *tests]
        return made

    def tests(self, mutant: Mutant, limit: float) -> list[str]:
        """Return the tests for a mutant, the fastest first, up to a total of ``limit`` seconds.

        Tests that execute the line precede other tests that execute lines in the same file.
        Coverage does not include processes that a test kills.
        A line that is executed when the module is imported, such as the default of a parameter,
        is recorded only for the first test. All tests of the function or module are used instead.
        """
        known = self.lines.get(mutant.path, {})
        tests = set(known.get(str(mutant.line), []))
        body = _body(ROOT / mutant.path, mutant.number)
        if body is not None:
            tests = {test for line in body for test in known.get(str(line), [])}
        if not tests:
            tests = {test for found in known.values() for test in found}
        if body is not None:
            tests |= set(REFERENCES)
        own = _folder(mutant.path)
        others = {test for found in known.values() for test in found} - tests

        def order(test: str) -> tuple[bool, bool, float]:
            return test in others, not test.startswith(own), self.times.get(test, 0.0)

        ordered = sorted(tests | others, key=order)
        chosen, spent = [], 0.0
        for test in ordered:
            spent += self.times.get(test, 0.01) + 0.01
            if spent > limit and chosen:
                break
            chosen.append(test)
        return chosen or [own]


def _body(path: Path, number: int) -> range | None:
    """Return the lines whose tests use a node that is executed at import, or None for others."""
    tree = ast.parse(path.read_text("utf-8"))
    target = list(ast.walk(tree))[number]
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.Lambda)]
    for function in functions:
        inside = function.body if isinstance(function.body, list) else [function.body]
        if any(target in ast.walk(statement) for statement in inside):
            return None
    for function in functions:
        if isinstance(function, ast.FunctionDef) and target in ast.walk(function):
            return range(function.body[0].lineno, (function.end_lineno or 0) + 1)
    return range(0)


def _folder(path: str) -> str:
    return "tests/core" if path.startswith("core/") else f"tests/{Path(path).parts[1]}"


def attempt(mutant: Mutant, home: Path, tests: list[str], limit: float) -> None:
    """Run tests on a copy of the repository with one mutation, and record the result."""
    target = home / mutant.path
    original = target.read_text("utf-8")
    started = time.monotonic()
    listed = home / "tests.txt"
    listed.write_text("\n".join(tests) + "\n")
    places = os.pathsep.join(str(home / s.relative_to(ROOT)) for s in SOURCES.values())
    environment = os.environ | {"PYTHONPATH": places, "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-n0", "-x", "-q", "-p", "no:cacheprovider"]
    command += ["-W", "ignore", "--no-header", "--tb=no", f"@{listed}"]
    try:
        target.write_text(mutated(ROOT / mutant.path, mutant), "utf-8")
        ran = subprocess.run(
            command, cwd=home, env=environment, capture_output=True, timeout=limit * 3 + 120
        )
        mutant.status = {0: "survived", 1: "killed", 2: "killed"}.get(ran.returncode, "no test ran")
    except subprocess.TimeoutExpired:
        mutant.status = "killed"  # an endless loop
    finally:
        target.write_text(original, "utf-8")
    mutant.tests, mutant.seconds = len(tests), round(time.monotonic() - started, 1)


def run(work: Path, out: Path, mutants: list[Mutant], jobs: int, limit: float) -> None:
    """Test mutants in parallel, each in its own copy, and write the result after each of them."""
    known = Map.read(work)
    homes: Queue[Path] = Queue()
    with tempfile.TemporaryDirectory() as folder:
        for number in range(jobs):
            home = Path(folder) / f"copy{number}"
            for part in COPIED:
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
                shutil.copytree(ROOT / part, home / part, ignore=ignored)
            for part in ROOT.glob("*.*"):
                if part.is_file():
                    shutil.copy(part, home)
            homes.put(home)

        def one(mutant: Mutant) -> None:
            home = homes.get()
            try:
                attempt(mutant, home, known.tests(mutant, limit), limit)
            finally:
                homes.put(home)
            print(mutant.status, mutant.path, mutant.line, mutant.after, sep="\t", flush=True)
            out.write_text(json.dumps([asdict(m) for m in mutants if m.status], indent=1) + "\n")

        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, mutants))
    summary(mutants)


def summary(mutants: list[Mutant]) -> None:
    """Print the share of killed mutants by distribution, and every survivor."""
    for folder in sorted({_folder(m.path) for m in mutants}):
        own = [m for m in mutants if _folder(m.path) == folder]
        killed = sum(m.status == "killed" for m in own)
        print(f"{folder.removeprefix('tests/'):12} {killed:4} of {len(own):4} killed")
    killed = sum(m.status == "killed" for m in mutants)
    print(f"{'all':12} {killed:4} of {len(mutants):4} killed ({killed / len(mutants):.1%})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=["cover", "run"])
    parser.add_argument("--work", type=Path, default=ROOT / ".mutation")
    parser.add_argument("--folder", nargs="*", default=list(FOLDERS), choices=FOLDERS)
    parser.add_argument("--count", type=int, default=180, help="Number of mutants.")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--limit", type=float, default=90, help="Test time per mutant, in seconds.")
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument(
        "--survivors", action="store_true", help="Test only the mutants that survived before."
    )
    given = parser.parse_args()
    if given.action == "cover":
        cover(given.work, given.folder)
    else:
        out = given.out or given.work / "mutants.json"
        mutants = draw(given.count, given.seed, given.folder)
        if given.survivors:
            mutants = [Mutant(**m) for m in json.loads(out.read_text()) if m["status"] != "killed"]
            out = out.with_suffix(".again.json")
        run(given.work, out, mutants, given.jobs, given.limit)


if __name__ == "__main__":
    main()
