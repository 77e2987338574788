"""Plugins are installed with the installer of the environment; a bad change is undone."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

import astrodome
import pytest
from astrodome import (
    AstrodomeError,
    distributions,
    environments,
    health,
    installer,
    receipts,
    snapshot,
)
from astrodome.environments import PluginChange, Wanted

RECEIPT = """
[tool]
requirements = [
    { name = "astrodome", extras = ["dask"], specifier = ">=0.1" },
    { name = "numpy", marker = "python_full_version >= '3.11'", specifier = ">=1" },
    { name = "sdo-local", directory = "{folder}" },
    { name = "sdo-edit", editable = "{folder}" },
    { name = "sdo-git", git = "https://example.org/x/y?rev=v1#abcdef" },
    { name = "sdo-url", url = "https://example.org/sdo_url-1-py3-none-any.whl" },
]
constraints = [{ name = "typer", specifier = "<9" }]
python = "3.11"
entrypoints = [
    { name = "sdo", install-path = "{folder}/bin/sdo", from = "astrodome" },
    { name = "lens", install-path = "{folder}/bin/lens", from = "sdo-local" },
]

[tool.options]
find-links = ["file:///wheels"]
prerelease = "allow"
index = [{ url = "https://example.org/simple", explicit = false }]
"""


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an environment whose files identify its installer; all programs are found."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "tools" / "astrodome"))
    (tmp_path / "tools" / "astrodome").mkdir(parents=True)
    (tmp_path / "path").mkdir()
    for name in ("uv", "pipx"):
        (tmp_path / "path" / name).write_text("#!/bin/sh\n")
        (tmp_path / "path" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "path"))
    return Path(sys.prefix)


def uv_tool(prefix: Path, change: PluginChange, text: str = RECEIPT) -> list[str]:
    (prefix / "uv-receipt.toml").write_text(text.replace("{folder}", str(prefix)))
    return environments.steps(change, prefix)[-1].command


def test_short_names_of_distributions_are_known() -> None:
    short = {"goes": "astrodome-goes"}
    assert environments.wanted("goes", short) == Wanted("astrodome-goes", "astrodome-goes")
    assert environments.wanted("Their_Plugin[x]>=1", short) == Wanted(
        "Their_Plugin[x]>=1",
        "their-plugin",
    )


def test_the_name_of_the_distribution_in_a_file_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wheels" / "project").mkdir(parents=True)
    wheel = tmp_path / "wheels" / "sdo_quote-1.0-py3-none-any.whl"
    wheel.touch()
    (tmp_path / "wheels" / "project" / "pyproject.toml").write_text('[project]\nname = "A.B"\n')
    relative = "wheels/sdo_quote-1.0-py3-none-any.whl"
    assert environments.wanted(relative, {}) == Wanted(str(wheel), "sdo-quote")
    assert environments.wanted("./wheels/project", {}).name == "a-b"
    with pytest.raises(AstrodomeError, match=r"not found: wheels/x\.whl"):
        environments.wanted("wheels/x.whl", {})


@pytest.mark.requires("pip")
def test_pip_is_used_where_it_is_installed(tmp_path: Path) -> None:
    limits = tmp_path / "constraints.txt"
    (step,) = environments.steps(PluginChange("install", (Wanted("x", "x"),), limits), tmp_path)
    assert step.command == [sys.executable, "-m", "pip", "install", "-c", str(limits), "x"]
    (step,) = environments.steps(PluginChange("uninstall", (Wanted("x", "x"),)), tmp_path)
    assert step.command[-2:] == ["--yes", "x"]


SEVERAL = (
    Wanted("sdo-quote>=1", "sdo-quote"),
    Wanted("/home/user/corona", "sdo-corona", editable=True),
    Wanted("pluggy", "pluggy"),
)
"""Distributions of which only the last one is installed."""


@pytest.mark.requires("pip")
def test_several_distributions_are_installed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = PluginChange("install", SEVERAL, tmp_path / "limits", upgrade=True)
    names = ["sdo-quote>=1", "--editable", "/home/user/corona", "pluggy"]
    limits = ["-c", str(tmp_path / "limits")]
    (step,) = environments.steps(change, tmp_path)
    assert step.command[1:] == ["-m", "pip", "install", "--upgrade", *limits, *names]

    monkeypatch.setattr(environments, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: f"/bin/{name}")
    (step,) = environments.steps(change, tmp_path)
    upgrades = [f"--upgrade-package={name}" for name in ("pluggy", "sdo-corona", "sdo-quote")]
    python = ["--python", sys.executable]
    assert step.command == ["/bin/uv", "pip", "install", *python, *upgrades, *limits, *names]


def test_several_distributions_are_installed_with_uv_tool(prefix: Path) -> None:
    line = uv_tool(prefix, PluginChange("install", SEVERAL, upgrade=True))
    assert "--upgrade-package=sdo-quote" in line
    assert line[-3:] == [
        "--with=sdo-quote>=1",
        "--with-editable=/home/user/corona",
        "--with=pluggy",
    ]


def test_several_distributions_are_injected_with_pipx(prefix: Path) -> None:
    (prefix / "pipx_metadata.json").write_text('{"main_package": {"package": "astrodome"}}')
    steps = environments.steps(PluginChange("install", SEVERAL), prefix)
    assert [step.command[1:] for step in steps] == [
        ["inject", "astrodome", "sdo-quote>=1"],
        ["inject", "--force", "astrodome", "pluggy"],
        ["inject", "--editable", "astrodome", "/home/user/corona"],
    ]


def test_an_editable_distribution_is_a_project_folder(tmp_path: Path) -> None:
    (tmp_path / "corona").mkdir()
    with pytest.raises(AstrodomeError, match=r"pyproject\.toml not found") as failed:
        environments.editable(tmp_path / "corona")
    assert failed.value.exit_code == 2
    with pytest.raises(AstrodomeError, match="Project folder not found"):
        environments.editable(tmp_path / "missing")
    (tmp_path / "corona" / "pyproject.toml").write_text('[project]\nname = "SDO_Corona"\n')
    found = environments.editable(tmp_path / "corona")
    assert found == Wanted(str(tmp_path / "corona"), "sdo-corona", editable=True)


def test_uv_tool_is_passed_everything_in_its_receipt(prefix: Path) -> None:
    line = uv_tool(prefix, PluginChange("install", (Wanted("sdo-new>=2", "sdo-new"),)))
    assert line[1:5] == ["tool", "install", "--config-file", str(prefix / "uv.toml")]
    assert line[5] == "astrodome[dask]>=0.1"
    assert line[6:15] == [
        "--with=numpy>=1 ; python_full_version >= '3.11'",
        f"--with=sdo-local @ {prefix.as_uri()}",
        f"--with-editable={prefix}",
        "--with=sdo-git @ git+https://example.org/x/y@v1",
        "--with=sdo-url @ https://example.org/sdo_url-1-py3-none-any.whl",
        "--python=3.11",
        f"--constraints={prefix / 'constraints.txt'}",
        "--with-executables-from=sdo-local",
        line[14],
    ]
    assert line[-1] == "--with=sdo-new>=2"
    assert (prefix / "constraints.txt").read_text() == "typer<9\n"
    options = tomllib.loads(RECEIPT)["tool"]["options"]
    assert tomllib.loads((prefix / "uv.toml").read_text()) == options
    environ = environments.steps(PluginChange("install", (Wanted("x", "x"),)), prefix)[-1].environ
    assert environ == {"UV_TOOL_DIR": str(prefix.parent), "UV_TOOL_BIN_DIR": str(prefix / "bin")}


@pytest.mark.requires("pip")
def test_uv_tool_keeps_what_was_installed_without_it(prefix: Path) -> None:
    """The distributions of this environment are not in the receipt, so they are passed on."""
    line = uv_tool(prefix, PluginChange("install", (Wanted("sdo-new", "sdo-new"),)))
    assert "--with=pytest-xdist" in line
    assert not any(part.startswith("--with=execnet") for part in line)  # pytest-xdist needs it
    assert any(part.startswith("--with-editable=") and "goes" in part for part in line)


def test_only_the_uninstalled_distribution_is_removed_from_the_receipt(prefix: Path) -> None:
    kept = uv_tool(prefix, PluginChange("install", (Wanted("sdo-url", "sdo-url"),)))
    left = uv_tool(prefix, PluginChange("uninstall", (Wanted("sdo-url", "sdo-url"),)))
    assert [part for part in kept if "sdo-url" not in part] == left


def test_a_recorded_requirement_is_replaced_only_by_another_requirement(
    prefix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(receipts.Receipt, "unrecorded", lambda receipt: {})
    recorded = "--with=sdo-url @ https://example.org/sdo_url-1-py3-none-any.whl"
    for argument, option in (("Sdo_URL", recorded), ("sdo-url>=2", "--with=sdo-url>=2")):
        line = uv_tool(prefix, PluginChange("install", (Wanted(argument, "sdo-url"),)))
        assert [part for part in line if "sdo-url" in part.lower()] == [option]


def test_a_receipt_that_cannot_be_passed_on_is_an_error(prefix: Path) -> None:
    change = PluginChange("install", (Wanted("x", "x"),))
    odd = RECEIPT.replace('specifier = ">=1"', 'index = "https://example.org"')
    with pytest.raises(AstrodomeError, match="the key 'index' of numpy"):
        uv_tool(prefix, change, odd)
    with pytest.raises(AstrodomeError, match="the key 'future'"):
        uv_tool(prefix, change, RECEIPT.replace("python =", "future ="))
    with pytest.raises(AstrodomeError, match="application of the uv tool environment"):
        uv_tool(prefix, PluginChange("uninstall", (Wanted("astrodome", "astrodome"),)))


@pytest.mark.requires("pip")
def test_pipx_uninjects_only_injected_distributions(prefix: Path) -> None:
    (prefix / "pipx_metadata.json").write_text(
        '{"main_package": {"package": "astrodome"}, "injected_packages": {"sdo-x": {}}}'
    )
    limits = prefix / "constraints.txt"
    (step,) = environments.steps(
        PluginChange("install", (Wanted("sdo-y", "sdo-y"),), limits), prefix
    )
    assert step.command[1:] == ["inject", "astrodome", "sdo-y"]
    assert step.environ == {"PIP_CONSTRAINT": str(limits), "UV_CONSTRAINT": str(limits)}
    (step,) = environments.steps(PluginChange("uninstall", (Wanted("sdo-x", "sdo-x"),)), prefix)
    assert step.command[1:] == ["uninject", "--leave-deps", "astrodome", "sdo-x"]
    (step,) = environments.steps(
        PluginChange("uninstall", (Wanted("sdo-hand", "sdo-hand"),)), prefix
    )
    assert step.command[1:4] == ["-m", "pip", "uninstall"]
    with pytest.raises(AstrodomeError, match="application of the pipx environment"):
        environments.steps(PluginChange("uninstall", (Wanted("astrodome", "astrodome"),)), prefix)


@pytest.mark.requires("astrodome_goes")
def test_the_requirements_of_host_and_plugins_are_constraints() -> None:
    lines = distributions.constraints()
    assert "typer>=0.28" in lines and f"astrodome=={astrodome.__version__}" in lines
    assert "astropy>=6" in lines  # astrodome-goes
    assert not any(line.startswith("hypothesis") for line in lines)


def test_extras_and_markers_of_a_requirement() -> None:
    wanted = distributions.requirement('Dask.Core [array,data_frame] >=2 ; extra == "fast"')
    assert wanted and (wanted.name, wanted.only_for) == ("dask-core", "fast")
    assert wanted.extras == {"array", "data-frame"}
    plain = distributions.requirement("a>=1; python_version >= '3.11'")
    assert plain and plain.only_for == ""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the site-packages of an empty environment, which a snapshot uses."""
    venv.create(tmp_path / "site", symlinks=True)
    (place,) = (tmp_path / "site").glob("lib/python*/site-packages")
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "site"))
    monkeypatch.setattr(snapshot, "_folders", lambda: [place])
    monkeypatch.setattr(sys, "path", [str(place)])
    return place


def put(site: Path, name: str, version: str, **files: str) -> None:
    """Install a distribution as an installer does: a new file, then its list of files."""
    for old in site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(old)
    info = site / f"{name}-{version}.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    lines = [f"{info.name}/METADATA,,", f"{info.name}/RECORD,,"]
    for module, text in files.items():
        path = site / f"{module}.py"
        path.unlink(missing_ok=True)
        path.write_text(text)
        lines.append(f"{path.name},sha256={hash(text)},{len(text)}")
    (info / "RECORD").write_text("\n".join(lines) + "\n")


def content(site: Path) -> dict[str, str]:
    files = [path for path in site.rglob("*") if path.is_file()]
    return {str(path.relative_to(site)): path.read_text() for path in files}


def test_a_snapshot_restores_old_versions_and_removes_new_ones(site: Path) -> None:
    put(site, "lens", "2.0", lens="new = True")
    put(site, "mirror", "1.0", mirror="")
    receipt = Path(sys.prefix) / "uv-receipt.toml"
    receipt.write_text("before")
    before = content(site)
    saved = snapshot.Snapshot([receipt])
    put(site, "lens", "1.0", lens="old = True", more="")
    put(site, "stuck", "1.0", stuck="")
    shutil.rmtree(site / "mirror-1.0.dist-info")  # an installer that was killed
    (site / "mirror.py").unlink()
    (site / "~irror").mkdir()
    receipt.write_text("after")
    assert saved.restore() == ["stuck removed", "lens 2.0 restored", "mirror 1.0 restored"]
    assert content(site) == before and receipt.read_text() == "before"
    assert not (site / "~irror").exists()
    saved.discard()
    assert not list(Path(sys.prefix).glob(".astrodome-backup-*"))


def test_a_snapshot_of_an_unchanged_environment_restores_nothing(site: Path) -> None:
    put(site, "lens", "2.0", lens="new = True")
    saved = snapshot.Snapshot([])
    assert saved.restore() == []
    saved.discard()


def test_a_snapshot_deletes_the_backup_of_a_killed_process_if_possible(site: Path) -> None:
    left = Path(sys.prefix) / ".astrodome-backup-killed"
    left.mkdir()
    (left / "0").touch()
    Path(sys.prefix, ".astrodome-backup-file").touch()  # is not a folder, so it is not deleted
    saved = snapshot.Snapshot([])
    assert not left.exists() and saved.folder.is_dir()
    saved.discard()


def test_a_change_that_fails_is_undone_and_reports_it(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, "lens", "2.0", lens="")
    before = content(site)
    monkeypatch.setattr(health, "check", health.Health)
    step = environments.Step(["pip", "uninstall", "lens"])
    monkeypatch.setattr(environments, "steps", lambda *_: [step])

    def unchanged(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 3)

    def removed(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(site / "lens-2.0.dist-info")
        return subprocess.CompletedProcess([], 3)

    def interrupted(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        shutil.rmtree(site / "lens-2.0.dist-info")
        raise KeyboardInterrupt

    failed = "Cannot uninstall lens: pip uninstall lens failed with exit code 3."
    for run, undone in (
        (unchanged, "Nothing was changed."),
        (removed, "The environment was restored (lens 2.0 restored)."),
    ):
        monkeypatch.setattr(subprocess, "run", run)
        with pytest.raises(AstrodomeError) as failure:
            installer.uninstall("lens")
        assert failure.value.message == f"{failed} {undone}"
        assert failure.value.hint == "See the output of the installer above."
        assert content(site) == before
    monkeypatch.setattr(subprocess, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        installer.uninstall("lens")
    assert content(site) == before


def test_several_distributions_are_uninstalled_in_one_step(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(site, "lens", "2.0", lens="")
    put(site, "tube", "1.0", tube="")
    monkeypatch.setattr(health, "check", health.Health)
    changes: list[PluginChange] = []

    def steps(change: PluginChange, _: Path) -> list[environments.Step]:
        changes.append(change)
        return [environments.Step(["pip", "uninstall", *sorted(change.names)])]

    def removed(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        for folder in site.glob("*.dist-info"):
            shutil.rmtree(folder)
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(environments, "steps", steps)
    monkeypatch.setattr(subprocess, "run", removed)
    installer.uninstall("lens", "Tube", "tube")
    (change,) = changes
    assert change.names == {"lens", "tube"} and len(change.wanted) == 2


ROW = {"app": "sdo", "name": "goes", "distribution": "astrodome-goes", "state": "is active"}
FAILED = {"status": "failed", "state": "failed to load: x"}


@pytest.mark.parametrize(
    ("after", "fault"),
    [
        ({"error": "no typer"}, "astrodome no longer starts: no typer"),
        ({"host": "0.2"}, "astrodome 0.1 was replaced by 0.2"),
        ({"plugins": []}, "the plugin goes (astrodome-goes) was removed"),
        ({"plugins": [ROW | FAILED]}, "astrodome-goes) failed to load: x"),
        ({"clashes": ["Twice."]}, "Twice"),
        ({"unsatisfied": ["a requires b"]}, "a requires b"),
        ({}, ""),
    ],
)
def test_each_broken_state_after_a_change_is_a_fault(after: dict[str, object], fault: str) -> None:
    good = {"host": "0.1", "plugins": [ROW | {"status": "active"}]}
    before = health.Health(**good)  # type: ignore[arg-type]
    now = health.Health(**(good | after))  # type: ignore[arg-type]
    assert "; ".join(health.faults(before, now, ())).endswith(fault)
    assert bool(health.faults(before, now, ())) == bool(fault)
    if after == {"plugins": []}:
        assert health.faults(before, now, {"astrodome-goes"}) == []


def test_a_new_plugin_that_fails_is_a_fault_and_an_old_one_is_not() -> None:
    broken = ROW | FAILED | {"name": "bad"}
    assert health.faults(health.Health(), health.Health(plugins=[broken]), ()) == [
        "the plugin bad failed to load: x"
    ]
    assert health.faults(health.Health(plugins=[broken]), health.Health(plugins=[broken]), ()) == []


@pytest.mark.requires("astrodome_goes")
def test_the_health_of_this_environment_is_checked_in_a_new_process() -> None:
    found = health.check()
    assert found.error == "" and ("sdo", "astrodome-goes", "goes") in found.active()


def test_a_second_change_at_the_same_time_is_an_error(tmp_path: Path) -> None:
    code = (
        "import sys, time; sys.prefix = sys.argv[1]\n"
        "from astrodome import installer\n"
        "with installer._alone():\n    print('held', flush=True); time.sleep(60)\n"
    )
    line = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout and first.stdout.readline() == "held\n"
        second = subprocess.run(line, capture_output=True, text=True, check=False)
        first.kill()
    assert (
        second.returncode == 1
        and "Another process is installing or uninstalling plugins" in second.stderr
    )
