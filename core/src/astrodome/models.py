"""Protocol of a model backend, how a command gets one, and the run folder it writes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from . import distributions as dists
from . import files, plugins
from .errors import AstrodomeError
from .hookspecs import ModelSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ImageSet(Protocol):
    """Images as a model of the task ``sood`` gets them: float32 (C, H, W) in [-1, 1]."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> NDArray[np.float32]: ...

    def batch(self, indices: Sequence[int]) -> NDArray[np.float32]:
        """Several images at once, (N, C, H, W)."""
        ...

    def describe(self, index: int) -> Mapping[str, Any]:
        """``path``, ``t_obs`` (ISO 8601, UTC) and ``wavelength`` (angstrom) of one image."""
        ...


@runtime_checkable
class AnomalyModel(Protocol):
    """Task ``sood``: learns what the Sun looks like and scores how far an image is from it.

    ``config`` is the run's validated configuration as nested mappings
    (``config["model"]["z_dim"]``); a model reads its own keys from it.
    """

    def train(
        self, train: ImageSet, validation: ImageSet, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Learn and leave weights and metrics in the run folder; go on from a checkpoint there."""
        ...

    def load(self, path: Path | None, config: Mapping[str, Any]) -> None:
        """Take the weights of a run folder or file; a baseline without weights ignores it."""
        ...

    def score(self, batch: NDArray[np.float32]) -> NDArray[np.float32]:
        """Anomaly scores, shape (N,), of a batch (N, C, H, W); larger is more anomalous."""
        ...

    def score_map(self, batch: NDArray[np.float32], mode: str = "") -> NDArray[np.float32]:
        """Pixel scores, shape (N, H, W); an image's map does not depend on its batch."""
        ...

    def reconstruct(self, batch: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        """For the verb ``reconstruct``: ``images`` (N, C, H, W) as the model sees them, and arrays
        (N, Z) of what it knows of each, by name; ``mean`` is what ``generate`` takes."""
        ...

    def generate(self, latent: NDArray[np.float32]) -> NDArray[np.float32]:
        """For the verb ``generate``: images (N, C, H, W) of vectors (N, the model's ``z_dim``)."""
        ...


class Examples(Protocol):
    """Labelled sources as a model of the task ``scope`` gets them, imputed and scaled.

    ``features`` (N, F) and ``dmdt`` (N, 26, 26; None where there is none), ``target`` (N,)
    of 0 and 1 and ``weight`` (N,) are float32.
    """

    @property
    def features(self) -> NDArray[np.float32]: ...

    @property
    def dmdt(self) -> NDArray[np.float32] | None: ...

    @property
    def target(self) -> NDArray[np.float32]: ...

    @property
    def weight(self) -> NDArray[np.float32]: ...


@runtime_checkable
class Classifier(Protocol):
    """Task ``scope``: a binary classifier, which separates sources of one class from all others.

    ``config`` is the configuration of the run as nested mappings: ``tag``, ``features`` (the
    names in the order of the columns), ``class`` (the entry of the class, overridden by options of
    the command line), ``dnn`` and ``xgboost`` (the sections that are common to all classes).

    An implementation may have a static method ``uses_dmdt(config) -> bool``, which returns
    whether it needs dmdt images. Without this method, ``dmdt`` is an array if the data set has
    images, and None otherwise. ``predict`` must return one finite probability from 0 to 1 for
    each source.
    """

    def train(
        self, train: Examples, validation: Examples, run: Run, config: Mapping[str, Any]
    ) -> None:
        """Learn and leave weights and ``metrics.csv`` in the run folder."""
        ...

    def load(self, path: Path, config: Mapping[str, Any]) -> None:
        """Take the weights of a run folder or file; AstrodomeError when they do not fit."""
        ...

    def predict(
        self, features: NDArray[np.float32], dmdt: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]:
        """Return probabilities, shape (N,).

        The probability of a source must not depend on the others, except for rounding.
        """
        ...


TASKS: dict[str, type[Any]] = {"sood": AnomalyModel, "scope": Classifier}
VERBS = ("train", "predict", "reconstruct", "generate")


def specs(task: str) -> dict[str, ModelSpec]:
    """The registered models of a task by name, without importing any."""
    return {owned[0][1].name: owned[0][1] for owned in plugins.current().models(task).values()}


def get(task: str, name: str) -> Any:
    """A fresh backend; AstrodomeError when it is unknown, claimed twice or lacks a library."""
    found = plugins.current().models(task)
    if plugins.normal(name) not in found:
        known = ", ".join(owned[0][1].name for owned in found.values()) or "none"
        raise AstrodomeError(f"There is no model '{name}' for {task}.", f"Installed: {known}.")
    from . import protocols

    plugin, spec = plugins.only(f"{task} model", name, found[plugins.normal(name)])
    target = plugins.load_target(spec.target, plugin, spec.extra)
    protocols.check(plugin, spec, target)
    return target()


class Run:
    """A run folder: ``config.yaml``, ``metrics.csv``, the weights, and ``run.json`` about them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def record(self) -> dict[str, Any]:
        """What ``run.json`` says; empty for a folder that is no run yet."""
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
        """Make the folder and write what the run is; the same call again goes on in it.

        Raises AstrodomeError when the folder holds a run of another model.
        """
        run = cls(path)
        earlier = run.record
        if earlier and (earlier.get("task"), earlier.get("model")) != (task, model):
            raise AstrodomeError(
                f"{path} holds a run of {earlier.get('model')}, not of {model}.",
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
        """A run that is there; raises AstrodomeError when it is none, or one of another model."""
        run = cls(path)
        record = run.record
        if not record:
            raise AstrodomeError(f"{path} is not a run folder: it has no run.json.")
        for key, wanted in (("task", task), ("model", model)):
            if wanted and record.get(key) != wanted:
                raise AstrodomeError(
                    f"{path} holds a {key} '{record.get(key)}', not '{wanted}'.",
                    f"Use the {key} it was made with, or another run.",
                )
        return run

    def note(self, **about: Any) -> None:
        """Add to ``run.json``."""
        files.write_text(
            self.path / "run.json", json.dumps(self.record | about, indent=1, default=str) + "\n"
        )

    def finish(self, **about: Any) -> None:
        self.note(status="finished", finished=_now(), **about)


def provenance(
    distributions: Iterable[str] = (), task: str = "", models: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the versions of distributions and the commit of a source checkout.

    Parameters
    ----------
    distributions
        Names of distributions, or import names of packages.
    task, models
        Task and names of models whose plugins are included, with the libraries that these require.

    Returns
    -------
    dict
        ``versions``, which always include the host, and ``commit``. For the import name of a
        package, the key is the name of its distribution, for example ``tensorflow-cpu``.
    """
    versions: dict[str, str] = {}
    for name in dict.fromkeys(("astrodome", *distributions)):
        versions |= _versions(name) or {name: "not installed"}
    for name in dict.fromkeys(models):
        for plugin, spec in plugins.current().models(task).get(plugins.normal(name), ()):
            versions |= _plugin_versions(plugin.distribution, spec.extra)
    return {"versions": versions, "commit": _commit()}


def _versions(name: str) -> dict[str, str]:
    """Return the version of a distribution, or of the distributions that provide a package."""
    dist = dists.find(name)
    if dist is not None:
        return {name: dists.version_of(dist)}
    return {dists.normal(owner): version(owner) for owner in _providers().get(name, ())}


def _plugin_versions(distribution: str, extra: str) -> dict[str, str]:
    """Return the versions of a plugin's distribution and of its installed requirements."""
    owner = dists.find(distribution) if distribution else None
    if owner is None:
        return {}
    found = {dists.normal(distribution): dists.version_of(owner)}
    for wanted in dists.requirements(owner, [dists.normal(extra)] if extra else []):
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
