"""Run folders of models, and the versions of the software that produced a result."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

from . import distributions as dists
from . import files, plugins
from .errors import AstrodomeError
from .specs import dashed

SHOWN = ("task", "model", "status")
"""Keys of ``run.json`` that ``repr(run)`` contains."""


class Run:
    """A folder with the results of a training run or a prediction.

    It contains ``config.yaml``, ``metrics.csv``, the weights of the model, and ``run.json`` with
    the description and the state of the run.

    Examples
    --------
    >>> folder = getfixture("tmp_path") / "run"
    >>> run = Run.start(folder, "focus", "parabola", {"epochs": 3}, seed=1)
    >>> run.finish(loss=0.5)
    >>> record = Run.open(folder, "focus").record
    >>> record["model"], record["status"], record["loss"], record["seed"]
    ('parabola', 'finished', 0.5, 1)
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def __repr__(self) -> str:
        try:
            record = self.record
        except (AstrodomeError, OSError):
            record = {}
        about = "".join(f", {key}={record[key]!r}" for key in SHOWN if key in record)
        return f"Run({str(self.path)!r}{about})"

    @property
    def record(self) -> dict[str, Any]:
        """Content of ``run.json``, or an empty dictionary if the file does not exist."""
        try:
            saved = json.loads((self.path / "run.json").read_text("utf-8"))
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise AstrodomeError(f"{self.path / 'run.json'} is not valid JSON: {error}.") from error
        return dict(saved)

    @classmethod
    def start(
        cls, path: Path, task: str, model: str, config: Mapping[str, Any], **about: Any
    ) -> Run:
        """Create a run folder, and write ``config.yaml`` and ``run.json``.

        If the folder already contains a run, the run is resumed and keeps its start time. Raises
        AstrodomeError if that run has another task or model.
        """
        run = cls(path)
        earlier = run.record
        if earlier and (earlier.get("task"), earlier.get("model")) != (task, model):
            raise AstrodomeError(
                f"{path} already contains a run of the model '{earlier.get('model')}' for the task "
                f"'{earlier.get('task')}': expected the model '{model}' for the task '{task}'.",
                "Choose another folder.",
            )
        path.mkdir(parents=True, exist_ok=True)
        import yaml

        files.write_text(path / "config.yaml", yaml.safe_dump(dict(config), sort_keys=False))
        run.note(
            **{"task": task, "model": model, "started": _now(), "status": "running"}
            | ({"started": earlier["started"]} if "started" in earlier else {}),
            **about,
        )
        return run

    @classmethod
    def open(cls, path: Path, task: str = "", model: str = "") -> Run:
        """Open an existing run; raise AstrodomeError if its task or model does not match."""
        run = cls(path)
        record = run.record
        if not record:
            raise AstrodomeError(f"{path} is not a run folder: it contains no run.json.")
        for key, wanted in (("task", task), ("model", model)):
            if wanted and record.get(key) != wanted:
                raise AstrodomeError(
                    f"The {key} of the run {path} is '{record.get(key)}', not '{wanted}'.",
                    f"Use the {key} of the run, or choose another run.",
                )
        return run

    def note(self, **about: Any) -> None:
        """Add entries to ``run.json``."""
        files.write_text(
            self.path / "run.json", json.dumps(self.record | about, indent=1, default=str) + "\n"
        )

    def finish(self, **about: Any) -> None:
        """Add entries to ``run.json`` and mark the run as finished."""
        self.note(status="finished", finished=_now(), **about)


def provenance(
    distributions: Iterable[str] = (), task: str = "", models: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the versions of distributions, and the Git commit if the host is a source checkout.

    Parameters
    ----------
    distributions
        Names of distributions or import names of packages.
    task, models
        Task and names of models. The distributions of their plugins and the libraries that these
        require are included.

    Returns
    -------
    dict
        Dictionary with the keys ``versions`` and ``commit``. The versions always include the host.
        For the import name of a package, the key is the name of the distribution that provides it,
        for example ``tensorflow-cpu``.
    """
    versions: dict[str, str] = {}
    for name in dict.fromkeys(("astrodome", *distributions)):
        versions |= _versions(name) or {name: "not installed"}
    for name in dict.fromkeys(models):
        for plugin, spec in plugins.current().models(task).get(dashed(name), ()):
            versions |= _plugin_versions(plugin.distribution, spec.extra)
    return {"versions": versions, "commit": _commit()}


def _versions(name: str) -> dict[str, str]:
    """Return the version of a distribution, or of the distributions that provide a package.

    The result is empty if neither is installed.
    """
    dist = dists.find(name)
    if dist is not None:
        return {name: dists.version_of(dist)}
    return {dists.canonical_name(owner): version(owner) for owner in _providers().get(name, ())}


def _plugin_versions(distribution: str, extra: str) -> dict[str, str]:
    """Return the versions of a plugin's distribution and its installed requirements."""
    owner = dists.find(distribution) if distribution else None
    if owner is None:
        return {}
    found = {dists.canonical_name(distribution): dists.version_of(owner)}
    for wanted in dists.requirements(owner, [dists.canonical_name(extra)] if extra else []):
        if (dist := dists.find(wanted.name)) is not None:
            found[wanted.name] = dists.version_of(dist)
    return found


@cache
def _providers() -> Mapping[str, list[str]]:
    return packages_distributions()


def _commit() -> str | None:
    here = Path(__file__).parent
    if not any((folder / ".git").exists() for folder in here.parents):
        return None
    command = ["git", "-C", str(here), "rev-parse", "HEAD"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
