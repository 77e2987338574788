"""The tables in docs/performance.md and benchmarks/README.md contain the results of one run."""

from __future__ import annotations

import importlib
import json
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def readme(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(ROOT))
    return importlib.import_module("benchmarks.readme")


def test_both_pages_contain_the_figures_of_the_results(readme: ModuleType) -> None:
    results = readme.read(readme.RESULTS)
    for path, text in readme.pages(results).items():
        assert path.read_text("utf-8") == text, "Run python -m benchmarks.readme."


def test_the_page_shows_every_time_and_rate_of_both_sides(readme: ModuleType) -> None:
    results = readme.read(readme.RESULTS)
    both = [figure for figure in results["figures"] if figure["older"] is not None]
    left_out = {figure["unit"] for figure in both} - {
        figure["unit"] for figure in readme.compared(results)
    }
    assert left_out <= {"", "MB", "MB peak", "ms CPU", "s CPU"}
    lines = (ROOT / "docs/performance.md").read_text("utf-8").splitlines()
    for figure in readme.compared(results):
        assert any(line.startswith(f"| {figure['subject']} |") for line in lines), figure


def test_a_ratio_agrees_with_the_figures_of_its_row(readme: ModuleType) -> None:
    for figure in readme.read(readme.RESULTS)["figures"]:
        if figure["older"] is not None:
            more = figure["ours"] / figure["older"]
            is_rate = figure["unit"].endswith("/s") or "AUC" in figure["subject"]
            assert figure["ratio"] == pytest.approx(more if is_rate else 1 / more), figure


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.0803, "0.08"), (0.976, "0.98"), (1.04, "1.0"), (9.94, "9.9"), (10, "10")],
)
def test_a_loss_is_shown_as_a_loss(readme: ModuleType, value: float, shown: str) -> None:
    assert readme.ratio(value) == shown


def test_results_of_small_inputs_are_refused(readme: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps({"small": True}))
    with pytest.raises(ValueError, match=re.escape(f"{path} contains the results of a run with")):
        readme.read(path)


def test_every_benchmark_is_described() -> None:
    text = (ROOT / "benchmarks/README.md").read_text("utf-8")
    source = (ROOT / "benchmarks/__main__.py").read_text("utf-8")
    names = re.findall(r'^    "(\w+)": "\w+",$', source, re.MULTILINE)
    assert len(names) == 14
    assert [name for name in names if f"\n| `{name}` |" not in text] == []
