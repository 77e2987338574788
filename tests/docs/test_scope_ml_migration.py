"""The migration page contains every command and option of scope-ml, and what it shows is valid.

``scope_ml_options.json`` contains the console commands and options of scope-ml 0.9.5.
"""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest
from astrodome.testing import run
from astrodome_ztf_scope.config.scope_ml_commands import ALIASES, REPLACED
from astrodome_ztf_scope.config.scope_ml_commands import OPTIONS as RENAMED
from docs.transcripts import replay

PAGE = Path(__file__).parents[2] / "docs" / "migration" / "scope-ml.md"
TEXT = PAGE.read_text("utf-8")
OPTIONS: dict[str, list[str]] = json.loads(
    Path(__file__).with_name("scope_ml_options.json").read_text("utf-8")
)
PLUGIN = "astrodome_ztf_scope.plugin"
ELSEWHERE = {"test", "develop", "lint", "doc"}
"""Names of the subcommands of ``scope.py`` for developers, which are console commands in 0.9.5."""
MANUAL = (
    "get_field_ids.py ZTF_sources_20210401 -field 301 -ccd 2 -quad 3 -minobs 5 -skip 0 -limit 20 "
    "-token sample_token",
    "scope.py train --tag=vnv --path_dataset=data/training/dataset.d15.csv --batch_size=64 "
    "--epochs=100 --verbose=1 "
    "--pre_trained_model=models/vnv/20210324_220331/vnv.20210324_220331",
    "scope.py train --help",
    "scope.py train ... --batch_size=32 --threshold=0.6",
    "scope.py fetch-datasets",
    "scope.py fetch-models",
    "scope.py train --tag=$class --path_dataset=data/training/dataset.d15.csv "
    "--scale_features=min_max --batch_size=64 --epochs=300 --patience=30 --random_state=$state "
    "--verbose=1 --gpu=1 --conv_branch=true --save",
    "scope_download_classification.py -file sample.csv -group_ids 360 361 -token sample_token",
    "scope_upload_classification.py -file sample.csv -group_ids 500 250 750 -taxonomy_id 7 "
    "-classification variable flaring -token sample_token -taxonomy_map map.json -comment vetted "
    "-resume 35",
    "scope_upload_disagreements.py -file dataset.d15.csv -id 360 -token sample_token",
    "scope_manage_annotation.py -action post -source sample.csv -group_ids 200 300 400 "
    "-token sample_token -origin revisedperiod -key period",
)
"""Command lines of the manual."""
JOINED = re.sub(r" \\\n *", " ", TEXT)
"""The page, in which each command is on one line."""
LINES = sorted(
    {
        *re.findall(r"`(scope [a-z][^`]*)`", TEXT),
        *re.findall(r"^\$ (scope .*)", JOINED, re.MULTILINE),
    }
)


def options_here(command: str) -> set[str]:
    shown = run("scope", *command.split(), "--help", plugin=PLUGIN).succeeded().out
    return set(re.findall(r"(?<![\w-])--[A-Za-z][\w-]*", shown))


def test_every_command_line_of_the_manual_is_on_the_page() -> None:
    assert [line for line in MANUAL if f"\n{line}\n" not in JOINED] == []
    scripts = {line.split()[0] for line in MANUAL} | {"scope.py fetch-models", "scope.py train"}
    assert [name for name in scripts if f"| `{name}" not in TEXT] == []


def test_every_command_and_option_is_on_the_page() -> None:
    words = set(re.findall(r"[\w-]+", TEXT))
    commands = {*OPTIONS, *ALIASES, *REPLACED} - ELSEWHERE
    options = {option for names in OPTIONS.values() for option in names}
    assert len(options) > 150
    assert sorted((commands | options) - words) == []


@pytest.mark.parametrize("line", LINES)
def test_every_command_on_the_page_is_valid(line: str) -> None:
    name = line.split()[1]
    renamed = RENAMED.get(ALIASES.get(name, name), {})
    if name in REPLACED or not renamed.keys().isdisjoint(line.split()):
        assert "scope-ml" in run(*shlex.split(line), plugin=PLUGIN).err
        return
    words = [word for word in shlex.split(line) if word != "--help"]
    shown = run(*words, "--help", plugin=PLUGIN)
    assert shown.code == 0 and shown.out.startswith("Usage: scope "), shown.err


@pytest.mark.parametrize("name", [*ALIASES, "get-quad-ids"])
def test_options_without_a_row_exist_under_the_same_name(name: str) -> None:
    """An option that no table in the section mentions in the first column is accepted here."""
    section = "".join(re.findall(rf"^### [^\n]*{name}.*?(?=^##)", TEXT, re.MULTILINE | re.DOTALL))
    assert section or not OPTIONS.get(name)
    rows = "".join(re.findall(r"^\|[^|]*\|", section, re.MULTILINE))
    differ = set(re.findall(r"--[A-Za-z][\w-]*", rows))
    absent = set(OPTIONS.get(name, ())) - differ - options_here(name)
    assert not absent, f"scope {name} has no option {sorted(absent)}"


@pytest.mark.parametrize("name", ALIASES)
def test_every_option_is_accepted_or_its_replacement_is_known(name: str) -> None:
    renamed = set(RENAMED.get(ALIASES[name], ()))
    for option in set(OPTIONS.get(name, ())) - renamed:
        result = run("scope", name, option, "--help", plugin=PLUGIN)
        assert "No such option" not in result.err, option
    common = {"--config-path"}  # All commands of scope-ml have this option.
    names = {option.split()[0] for option in renamed} - common
    assert names <= set(OPTIONS.get(name, ())), "only options of scope-ml"


def test_the_commands_on_the_page_run(tmp_path: Path) -> None:
    replay(PAGE, tmp_path)
