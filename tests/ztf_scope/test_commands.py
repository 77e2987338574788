"""``scope classes`` and ``scope init``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from astrodome.testing import Result
from astrodome_ztf_scope.config.loading import load_config

Scope = Callable[..., Result]


def test_classes_shows_the_taxonomy_of_the_configuration(scope: Scope, of_2022: Path) -> None:
    rows = scope("classes", "--config", of_2022, "--json").succeeded().json
    assert [row["tag"] for row in rows] == ["vnv", "pnp", "agn"]
    pnp = rows[1]
    assert (pnp["label"], pnp["parent"], pnp["threshold"]) == ("periodic", "vnv", 0.9)
    assert (pnp["balance"], pnp["weight_per_class"], pnp["feature_count"]) == (1, False, 4)
    assert rows[0]["parent"] is None and rows[0]["balance"] is None


def test_classes_uses_the_root_option_and_the_file_in_the_folder(
    scope: Scope, of_2022: Path
) -> None:
    assert len(scope("--config", of_2022, "classes", "--json").succeeded().json) == 3
    assert len(scope("classes", "--json").succeeded().json) == 52
    Path("config.yaml").write_bytes(of_2022.read_bytes())
    assert len(scope("classes", "--json").succeeded().json) == 3


def test_classes_in_a_pipe_are_tab_separated(scope: Scope) -> None:
    header, row = scope("classes", "rrab").succeeded().out.splitlines()
    assert dict(zip(header.split("\t"), row.split("\t"), strict=True)) == {
        "tag": "rrab",
        "label": "RR Lyrae ab",
        "parent": "rrlyr",
        "features": "ontological",
        "threshold": "0.7",
        "balance": "",
        "weight_per_class": "False",
        "trained": "",
    }


def test_an_unknown_class_is_an_error_with_a_suggestion(scope: Scope) -> None:
    result = scope("classes", "vnv", "rrb")
    assert (result.code, result.out) == (2, "")
    assert "Class 'rrb' not found" in result.err and "'rrab'" in result.err


def test_a_missing_or_invalid_configuration_is_one_error(scope: Scope, tmp_path: Path) -> None:
    missing = scope("classes", "--config", tmp_path / "none.yaml")
    assert missing.code == 2 and "none.yaml" in missing.err
    Path("config.yaml").write_text("training: {clases: {}}")
    broken = scope("classes")
    assert broken.code == 1
    assert "'training.clases': unknown key; did you mean 'classes'?" in broken.err
    assert "Traceback" not in broken.err


def test_init_writes_a_commented_file_that_reads_back_to_the_defaults(scope: Scope) -> None:
    built_in = load_config()
    scope("init").succeeded()
    written = Path("config.yaml").read_text()
    assert sum("#" in line for line in written.splitlines()) > 40
    config = load_config()
    assert config == built_in
    assert config.origin == str(Path("config.yaml").resolve())


def test_init_accepts_a_file_or_a_folder(scope: Scope) -> None:
    scope("init", "settings/mine.yaml").succeeded()
    Path("field").mkdir()
    scope("init", "field").succeeded()
    assert load_config(Path("settings/mine.yaml")) == load_config(Path("field/config.yaml"))


def test_init_overwrites_a_file_only_with_force(scope: Scope) -> None:
    Path("config.yaml").write_text("fritz: {sleep_time: 1}\n")
    refused = scope("init")
    assert refused.code == 2 and "--force" in refused.err
    assert load_config().fritz.sleep_time == 1
    scope("init", "--force").succeeded()
    assert load_config().fritz.sleep_time == 5


def test_config_show_has_the_services_with_masked_tokens(scope: Scope, since_2023: Path) -> None:
    result = scope("--config", since_2023, "config", "show", "--json").succeeded()
    values = {row["key"]: row["value"] for row in result.json}
    assert values["kowalski.hosts"]["gloria"]["token"] == "********"
    assert "a-token" not in result.out
    assert values["fritz.url"] == "https://fritz.science"
    assert values["fields_to_exclude"] == [296, 423]


def test_listing_and_help_load_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from astrodome.testing import run\n"
        "for args in ([], ['classes'], ['train'], ['predict'], ['fetch-models']):\n"
        "    run('scope', *args, '--help', plugin='astrodome_ztf_scope.plugin').succeeded()\n"
        "print(*sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"numpy", "pandas", "torch", "tensorflow", "pydantic", "yaml", "requests", "rich"}
    assert not heavy & set(loaded)
