"""Where trained classifiers are: a run folder for each group, algorithm, class and random state.

``models/<group>/<algorithm>/<tag>/<random_state>/``; the place follows from what is trained, so
that the same command finds what it left. A run that another one replaced is kept with its time:
``<tag>/replaced/<random_state>.<YYYYMMDD_HHMMSS>``. Beside them there are files of SCoPe, named
``<tag>.<YYYYMMDD_HHMMSS>``: of 0.9.5 the network as ``.h5``, trees as ``.json`` with ``.params``;
of 2022 the network as a checkpoint of TensorFlow, of which the ``.index`` stands for all.
"""

from __future__ import annotations

import difflib
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
OF_SCOPE = re.compile(
    r"(?P<tag>.+)\.(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)(?P<ending>\.(h5|json|index))"
)
ALGORITHMS = {".h5": "dnn", ".json": "xgb", ".index": "dnn"}
"""Names of SCoPe's files, and what is in them."""


@dataclass(frozen=True)
class TrainedModel:
    """A finished run, or a file of SCoPe's; ``finished`` is its time, ISO 8601.

    ``random_state`` is None where it is not known. ``configured`` is for a file what a run folder
    holds beside its weights: JSON, from :func:`saved.configured`.
    """

    path: Path
    tag: str
    algorithm: str
    random_state: int | None
    finished: str
    configured: str = ""

    @property
    def column(self) -> str:
        """What its scores are called."""
        return f"{self.tag}_{self.algorithm}"


def folder(root: Path, group: str, algorithm: str, tag: str, random_state: int) -> Path:
    return root / group / algorithm / tag / str(random_state)


def find(place: Path) -> Iterator[TrainedModel]:
    """The finished runs at a folder or below it, without those that were replaced."""
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
    """A finished run and its configuration; AstrodomeError when it is none, or not finished."""
    run = Run.open(folder, TASK)
    if run.record.get("status") != FINISHED:
        raise AstrodomeError(f"The run in {folder} is not finished.", "Give its command again.")
    return run, dict(settings.read_yaml(folder / "config.yaml"))


def of_scope(place: Path) -> Iterator[TrainedModel]:
    """A file of SCoPe's, or those in a folder or below it.

    Raises AstrodomeError for a file whose name does not say what it is.
    """
    for file in [place] if place.is_file() else sorted(place.rglob("*.*")):
        if match := OF_SCOPE.fullmatch(file.name):
            when = match.expand(r"\2-\3-\4T\5:\6:\7+00:00")
            yield TrainedModel(file, match["tag"], ALGORITHMS[match["ending"]], None, when)
        elif file == place:
            raise AstrodomeError(
                f"{file} is not named like a model file of SCoPe: expected "
                "<tag>.<YYYYMMDD_HHMMSS>.h5, .json or .index.",
                _others(file)
                or "Rename the file (the name contains the class), or give the folder of a run.",
                exit_code=2,
            )


def _others(place: Path) -> str:
    """Return a hint with a model file or folder of a similar name; empty if none exists."""
    folder = place.parent
    names = [f.name for f in folder.iterdir()] if folder.is_dir() else []
    known = [n for n in names if OF_SCOPE.fullmatch(n) or (folder / n).is_dir()]
    close = difflib.get_close_matches(place.name, known, 1)
    return f"Did you mean {folder / close[0]}?" if close else ""


def by_tag(root: Path) -> dict[str, list[TrainedModel]]:
    """All finished runs of a folder of groups, by class; none when there is no such folder."""
    found: dict[str, list[TrainedModel]] = {}
    for run in find(root) if root.is_dir() else ():
        found.setdefault(run.tag, []).append(run)
    return found


def counted(of_class: Sequence[TrainedModel], root: Path) -> list[str]:
    """How many runs of a class there are: ``experiment/dnn (3)``."""
    names = Counter("/".join(run.path.relative_to(root).parts[:-2]) for run in of_class)
    return [name if count == 1 else f"{name} ({count})" for name, count in names.items()]


def choose(
    places: Sequence[Path],
    tags: Iterable[str] = (),
    algorithm: str = "",
    random_state: int | None = None,
) -> list[TrainedModel]:
    """The run to score with for each class and algorithm, by tag: the one finished last.

    ``places`` are folders to look in, and files of SCoPe's; a checkpoint may go without ending.
    Raises AstrodomeError when there is none, or none of one of the ``tags``.
    """
    found: dict[tuple[str, str], TrainedModel] = {}
    wanted = list(dict.fromkeys(tags))
    for place in places:
        if not place.exists() and (index := Path(f"{place}.index")).is_file():
            place = index  # a checkpoint is named without an ending
        if not place.exists():
            kind = "file" if place.suffix in ALGORITHMS else "folder"
            hint = _others(place) or "Train first: scope train."
            raise AstrodomeError(f"There is no {kind} {place}.", hint, exit_code=2)
        there = [*find(place), *of_scope(place)]
        for run in sorted(there, key=lambda run: run.finished):
            asked = not wanted or run.tag in wanted, not algorithm or run.algorithm == algorithm
            if all(asked) and random_state in (None, run.random_state):
                found[run.tag, run.algorithm] = run
    where = ", ".join(map(str, places))
    if missing := [tag for tag in wanted if all(tag != known for known, _ in found)]:
        raise AstrodomeError(
            f"There is no trained model of '{missing[0]}' in {where}.", "Train it: scope train."
        )
    if not found:
        raise AstrodomeError(f"There is no trained model in {where}.", "Train one: scope train.")
    return [found[key] for key in sorted(found)]
