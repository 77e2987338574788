"""Find trained classifiers in run folders and SCoPe model files.

The path of a run folder is ``models/<group>/<algorithm>/<tag>/<random_state>/``. When a run is
replaced, the old run is moved to ``<tag>/replaced/<random_state>.<YYYYMMDD_HHMMSS>``. SCoPe model
files are named ``<tag>.<YYYYMMDD_HHMMSS>``. SCoPe 0.9.5 saved neural networks as ``.h5`` files, and
boosted trees as ``.json`` files with a ``.params`` file. In 2022, SCoPe saved neural networks as
TensorFlow checkpoints, which are identified by their ``.index`` file.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from astrodome import AstrodomeError, InvalidInputError, errors, settings
from astrodome.runs import Run

from ..tables.score_columns import TASK as TASK

ROOT = Path("models")
GROUP = "experiment"
FINISHED = "finished"
REPLACED = "replaced"
SCOPE_FILE = re.compile(
    r"(?P<tag>.+)\.(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?P<extension>\.(h5|json|index))"
)
ALGORITHMS = {".h5": "dnn", ".json": "xgb", ".index": "dnn"}
"""Algorithm for each file extension that SCoPe model files can have."""


@dataclass(frozen=True)
class TrainedModel:
    """A finished run or a SCoPe model file.

    Attributes
    ----------
    path : pathlib.Path
        Run folder or model file.
    tag : str
        Tag of the class.
    algorithm : str
        Name of the algorithm.
    random_state : int or None
        Random state of the run, or None if it is unknown.
    finished : str
        Time at which the training finished, in ISO 8601 format.
    configured : str
        Configuration and preprocessing parameters for a SCoPe model file, as JSON. It is empty for
        a run folder, which contains this information itself.
    """

    path: Path
    tag: str
    algorithm: str
    random_state: int | None
    finished: str
    configured: str = field(default="", repr=False)

    @property
    def column(self) -> str:
        """Name of the score column."""
        return f"{self.tag}_{self.algorithm}"


def folder(root: Path, group: str, algorithm: str, tag: str, random_state: int) -> Path:
    """Return the path of a run folder."""
    return root / group / algorithm / tag / str(random_state)


def records(place: Path) -> Iterator[Path]:
    """Yield the paths of the ``run.json`` files in a directory tree, excluding replaced runs."""
    for path in sorted(place.rglob("run.json")):
        if REPLACED not in path.relative_to(place).parts:
            yield path


def finished_runs(place: Path) -> Iterator[TrainedModel]:
    """Yield the finished runs in a directory and its subdirectories, excluding replaced runs."""
    for record in records(place):
        about = Run(record.parent).record
        if about.get("task") == TASK and about.get("status") == FINISHED:
            yield TrainedModel(
                record.parent,
                about["tag"],
                about["model"],
                about["random_state"],
                about["finished"],
            )


def read(folder: Path) -> tuple[Run, dict[str, Any]]:
    """Return a finished run and its configuration.

    Raises AstrodomeError if the directory is not a run folder, or if the run is not finished.
    """
    run = Run.open(folder, TASK)
    if run.record.get("status") != FINISHED:
        raise AstrodomeError(
            f"The run in {folder} is not finished.", "Run scope train again to finish the run."
        )
    return run, dict(settings.read_yaml(folder / "config.yaml"))


def find_scope_files(place: Path) -> Iterator[TrainedModel]:
    """Yield the SCoPe model file at a path, or all model files in a directory tree.

    Raises AstrodomeError if the path is a file whose name does not contain the class and the time.
    """
    for file in [place] if place.is_file() else sorted(place.rglob("*.*")):
        if match := SCOPE_FILE.fullmatch(file.name):
            finished = match.expand(r"\2-\3-\4T\5:\6:\7+00:00")
            algorithm = ALGORITHMS[match["extension"]]
            yield TrainedModel(file, match["tag"], algorithm, None, finished)
        elif file == place:
            raise InvalidInputError(
                f"Invalid file name {file} for a SCoPe model file: expected "
                "<tag>.<YYYYMMDD_HHMMSS> with the extension .h5, .json or .index.",
                _similar_name(file) or "Rename the file, or specify a run folder.",
            )


def _similar_name(place: Path) -> str:
    """Return a hint that suggests a model with a similar name, or an empty string."""
    folder = place.parent
    names = [f.name for f in folder.iterdir()] if folder.is_dir() else []
    known = [n for n in names if SCOPE_FILE.fullmatch(n) or (folder / n).is_dir()]
    close = difflib.get_close_matches(place.name, known, 1)
    return f"Did you mean {folder / close[0]}?" if close else ""


def run_metrics(folder: Path) -> dict[str, dict[str, float | None]]:
    """Return the metrics of a run keyed by subset, or an empty dictionary if there are none."""
    try:
        return dict(json.loads((folder / "metrics.json").read_text("utf-8")))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except ValueError as error:
        raise AstrodomeError(f"{folder / 'metrics.json'} is not valid JSON: {error}.") from error


def by_tag(root: Path) -> dict[str, list[TrainedModel]]:
    """Find all finished runs in a directory of run groups, and return them keyed by class tag."""
    found: dict[str, list[TrainedModel]] = {}
    for run in finished_runs(root) if root.is_dir() else ():
        found.setdefault(run.tag, []).append(run)
    return found


def counted(of_class: Sequence[TrainedModel], root: Path) -> list[str]:
    """Return a description of the runs for a class, with one item per group and algorithm.

    For example, ``experiment/dnn (3)`` means that the group ``experiment`` contains three runs with
    the algorithm ``dnn``. The number is omitted if there is only one run.
    """
    names = Counter("/".join(run.path.relative_to(root).parts[:-2]) for run in of_class)
    return [name if count == 1 else f"{name} ({count})" for name, count in names.items()]


def find_models(
    places: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    tags: Iterable[str] = (),
    algorithm: str = "",
    random_state: int | None = None,
) -> list[TrainedModel]:
    """Find the models to use for predictions, sorted by class and algorithm.

    Parameters
    ----------
    places : path-like, or sequence of path-like
        Model files, and directories that contain run folders or SCoPe model files. TensorFlow
        checkpoints may be specified without the extension ``.index``.
    tags : iterable of str
        Tags of the classes. If it is empty, all classes are included.
    algorithm : str
        Name of the algorithm. If it is empty, all algorithms are included.
    random_state : int, optional
        Random state of the runs to select. By default, the run that finished last is selected.

    Returns
    -------
    list of TrainedModel
        One model for each combination of class and algorithm.

    Raises
    ------
    AstrodomeError
        If a path does not exist, or if no model is found for one of the classes.

    Examples
    --------
    >>> import astrodome_ztf_scope as scope
    >>> [model.column for model in scope.find_models(["models/experiment"])]
    ['vnv_xgb']
    """
    if isinstance(places, str | os.PathLike):
        places = [places]
    selected = list(dict.fromkeys(tags))
    candidates = [model for place in places for model in _candidates(Path(place).expanduser())]
    found: dict[tuple[str, str], TrainedModel] = {}
    for model in candidates:
        if (
            (not selected or model.tag in selected)
            and algorithm in ("", model.algorithm)
            and random_state in (None, model.random_state)
        ):
            found[model.tag, model.algorithm] = model
    where = ", ".join(map(str, places))
    known = ", ".join(sorted({model.column for model in candidates}))
    hint = f"Available models: {known}." if known else "Train a model first."
    if missing := [tag for tag in selected if all(tag != known for known, _ in found)]:
        raise InvalidInputError(
            f"No trained model for the class '{missing[0]}' found in {where}.",
            errors.similar(missing[0], {model.tag for model in candidates}) + hint,
        )
    if not found:
        raise AstrodomeError(f"No trained model found in {where}.", hint)
    return [found[key] for key in sorted(found)]


def _candidates(place: Path) -> list[TrainedModel]:
    """Return all models at a path, in the order in which their training finished."""
    if not place.exists() and (index := Path(f"{place}.index")).is_file():
        place = index
    if not place.exists():
        kind = "File" if place.suffix in ALGORITHMS else "Folder"
        hint = _similar_name(place) or "Check the path, or train a model with scope train."
        raise errors.not_found(place, hint, kind=kind, exit_code=2)
    found = [*finished_runs(place), *find_scope_files(place)]
    return sorted(found, key=lambda model: model.finished)
