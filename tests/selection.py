"""Options of pytest for ``noxfile.py``: a sample of the tests, and missing libraries."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator
from importlib.util import find_spec
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
LOCATION = re.compile(r"^(\S+\.py):(\d+): in ", re.MULTILINE)
MISSING = re.compile(r"ModuleNotFoundError: No module named '([^']+)'\Z")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--sample", type=int, default=1, metavar="N", help="Run only every Nth test of each file."
    )
    parser.addoption(
        "--missing",
        choices=["fail", "skip"],
        default="fail",
        help="Skip tests that import a library that is not installed. A test fails in both cases "
        "if the library is imported by the code under test.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "requires(*names): with --missing=skip, skip the test if one of the modules is missing",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Select every Nth test of each file with ``--sample``, and skip with ``--missing``."""
    step = config.getoption("--sample")
    numbers: Counter[Path] = Counter()
    chosen: dict[bool, list[pytest.Item]] = {True: [], False: []}
    for item in items:
        chosen[numbers[item.path] % step == 0].append(item)
        numbers[item.path] += 1
    items[:] = chosen[True]
    if chosen[False]:
        config.hook.pytest_deselected(items=chosen[False])
    if config.getoption("--missing") == "skip":
        for item in items:
            names = [name for mark in item.iter_markers("requires") for name in mark.args]
            for name in names:
                if find_spec(name) is None:
                    item.add_marker(pytest.mark.skip(reason=f"{name} is not installed"))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Skip a file that imports a missing library itself."""
    report = yield
    if report.failed and collector.config.getoption("--missing") == "skip":
        text = re.sub(r"^E +", "", str(report.longrepr), flags=re.MULTILINE).strip()
        places = LOCATION.findall(text)
        if (found := MISSING.search(text)) and places and _is_test(Path(places[-1][0])):
            report.outcome = "skipped"
            reason = f"Skipped: {found[1]} is not installed"
            report.longrepr = (str(collector.path), int(places[-1][1]), reason)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Skip a test that imports a missing library itself or in a fixture."""
    report = yield
    error = call.excinfo
    if report.failed and error is not None and item.config.getoption("--missing") == "skip":
        place = error.traceback[-1]
        if isinstance(error.value, ModuleNotFoundError) and _is_test(Path(place.path)):
            report.outcome = "skipped"
            reason = f"Skipped: {error.value.name} is not installed"
            report.longrepr = (str(place.path), place.lineno + 1, reason)
    return report


def need(*names: str) -> None:
    """Raise ModuleNotFoundError if a module that the data of a test need is missing."""
    for name in names:
        if find_spec(name) is None:
            raise ModuleNotFoundError(f"No module named '{name}'", name=name)


def _is_test(path: Path) -> bool:
    return path.resolve().is_relative_to(TESTS)
