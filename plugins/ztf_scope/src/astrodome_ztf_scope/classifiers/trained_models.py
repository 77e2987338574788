"""Find trained classifiers: run folders, and model files of SCoPe.

The run folders are ``models/<group>/<algorithm>/<tag>/<random_state>/``. A run that was replaced
is kept in ``<tag>/replaced/<random_state>.<YYYYMMDD_HHMMSS>``. Model files of SCoPe are named
``<tag>.<YYYYMMDD_HHMMSS>``. SCoPe 0.9.5 wrote networks as ``.h5``, and trees as ``.json`` with
``.params``. In 2022, it wrote networks as TensorFlow checkpoints, which are identified by their
``.index`` file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, settings
from astrodome.runs import Run

ROOT = Path("models")
GROUP = "experiment"
TASK = "scope"
FINISHED = "finished"
REPLACED = "replaced"
SCOPE_FILE = re.compile(
    r"(?P<tag>.+)\.(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?P<extension>\.(h5|json|index))"
)
ALGORITHMS = {".h5": "dnn", ".json": "xgb", ".index": "dnn"}
"""Algorithms of SCoPe's model files by their file extension."""


@dataclass(frozen=True)
class TrainedModel:
    """A finished run, or a model file of SCoPe.

    Attributes
    ----------
    path : pathlib.Path
        Run folder or file.
    tag, algorithm : str
        Class and algorithm.
    random_state : int or None
        Random state; None if it is unknown.
    finished : str
        Time at which the training was finished, ISO 8601.
    configured : str
        For a file, the configuration and preparation that a run folder contains, as JSON; see
        :func:`.loaded_models.configure`.
    """

    path: Path
    tag: str
    algorithm: str
    random_state: int | None
    finished: str
    configured: str = ""

    @property
    def column(self) -> str:
        """Name of the column with the scores of the model."""
        return f"{self.tag}_{self.algorithm}"


def folder(root: Path, group: str, algorithm: str, tag: str, random_state: int) -> Path:
    """Return the path of a run folder."""
    return root / group / algorithm / tag / str(random_state)


def finished_runs(place: Path) -> Iterator[TrainedModel]:
    """Yield the finished runs in a directory and its subdirectories, except replaced runs."""
    for record in sorted(place.rglob("run.json")):
        about = Run(record.parent).record
        replaced = REPLACED in record.parent.relative_to(place).parts
        if about.get("task") == TASK and about.get("status") == FINISHED and not replaced:
            yield TrainedModel(
                record.parent,
                about["tag"],
                about["model"],
                about["random_state"],
                about["finished"],
            )


def read(folder: Path) -> tuple[Run, dict[str, Any]]:
    """Return a finished run and its configuration.

    Raises AstrodomeError if the directory is not a run folder, or the run is not finished.
    """
    run = Run.open(folder, TASK)
    if run.record.get("status") != FINISHED:
        raise AstrodomeError(
            f"The run in {folder} is not finished.", "Repeat the command that started it."
        )
    return run, dict(settings.read_yaml(folder / "config.yaml"))


def find_scope_files(place: Path) -> Iterator[TrainedModel]:
    """Yield a model file of SCoPe, or those in a directory and its subdirectories.

    Raises AstrodomeError for a file whose name does not contain the class and the time.
    """
    for file in [place] if place.is_file() else sorted(place.rglob("*.*")):
        if match := SCOPE_FILE.fullmatch(file.name):
            finished = match.expand(r"\2-\3-\4T\5:\6:\7+00:00")
            algorithm = ALGORITHMS[match["extension"]]
            yield TrainedModel(file, match["tag"], algorithm, None, finished)
        elif file == place:
            raise AstrodomeError(
                f"{file} is not named like a model file of SCoPe: expected "
                "<tag>.<YYYYMMDD_HHMMSS>.h5, .json or .index.",
                _similar_name(file)
                or "Rename the file (the name contains the class), or specify a run folder.",
                exit_code=2,
            )


def _similar_name(place: Path) -> str:
    """Return a hint with a model file or folder of a similar name; empty if none exists."""
    folder = place.parent
    names = [f.name for f in folder.iterdir()] if folder.is_dir() else []
    known = [n for n in names if SCOPE_FILE.fullmatch(n) or (folder / n).is_dir()]
    close = difflib.get_close_matches(place.name, known, 1)
    return f"Did you mean {folder / close[0]}?" if close else ""


def run_metrics(folder: Path) -> dict[str, dict[str, float | None]]:
    """Return the metrics of a run by part; empty if it has none."""
    try:
        return dict(json.loads((folder / "metrics.json").read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise AstrodomeError(f"{folder / 'metrics.json'} is not valid JSON: {error}.") from error


def by_tag(root: Path) -> dict[str, list[TrainedModel]]:
    """Return all finished runs in a directory of groups, by class."""
    found: dict[str, list[TrainedModel]] = {}
    for run in finished_runs(root) if root.is_dir() else ():
        found.setdefault(run.tag, []).append(run)
    return found


def counted(of_class: Sequence[TrainedModel], root: Path) -> list[str]:
    """Return the numbers of runs of a class by group and algorithm: ``experiment/dnn (3)``."""
    names = Counter("/".join(run.path.relative_to(root).parts[:-2]) for run in of_class)
    return [name if count == 1 else f"{name} ({count})" for name, count in names.items()]


def find_models(
    places: Sequence[str | os.PathLike[str]],
    tags: Iterable[str] = (),
    algorithm: str = "",
    random_state: int | None = None,
) -> list[TrainedModel]:
    """Return the models to use for predictions, sorted by class and algorithm.

    Parameters
    ----------
    places : sequence of path-like
        Directories with run folders or model files of SCoPe, and model files. TensorFlow
        checkpoints may be given without ``.index``.
    tags : iterable of str
        Classes; all classes if it is empty.
    algorithm : str
        Algorithm; all algorithms if it is empty.
    random_state : int, optional
        Random state. By default, the run that was finished last is used.

    Returns
    -------
    list of TrainedModel
        One model for each class and algorithm.

    Raises
    ------
    AstrodomeError
        If a place does not exist, or there is no model for one of the classes.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> [model.column for model in scope.find_models(["models/experiment"])]
    ['vnv_xgb']
    """
    found: dict[tuple[str, str], TrainedModel] = {}
    selected = list(dict.fromkeys(tags))
    for place in (Path(place).expanduser() for place in places):
        if not place.exists() and (index := Path(f"{place}.index")).is_file():
            place = index
        if not place.exists():
            kind = "File" if place.suffix in ALGORITHMS else "Directory"
            hint = _similar_name(place) or "Train a model first: scope train."
            raise AstrodomeError(f"{kind} {place} does not exist.", hint, exit_code=2)
        candidates = [*finished_runs(place), *find_scope_files(place)]
        for model in sorted(candidates, key=lambda model: model.finished):
            if (
                (not selected or model.tag in selected)
                and algorithm in ("", model.algorithm)
                and random_state in (None, model.random_state)
            ):
                found[model.tag, model.algorithm] = model
    where = ", ".join(map(str, places))
    if missing := [tag for tag in selected if all(tag != known for known, _ in found)]:
        raise AstrodomeError(
            f"No trained model of '{missing[0]}' found in {where}.", "Train it: scope train."
        )
    if not found:
        raise AstrodomeError(f"No trained model found in {where}.", "Train one: scope train.")
    return [found[key] for key in sorted(found)]
