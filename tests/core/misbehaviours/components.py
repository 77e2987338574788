"""Models and sources whose results are invalid."""

from __future__ import annotations

from textwrap import indent

from .case import Misbehaviour, hook

CHECKED = "The command fails with a message that names the model and its distribution."
NOT_SEEN = "Not contained. Only the conformance tests find it."
FAILURE = "Not contained. The host counts only the results that the source returns."
PREDICT = hook(
    "yield ModelSpec('sood', 'odd', 'obs_odd.cli:Odd', 'Odd.', verbs=('predict',))",
    "register_models",
)
TRAIN = PREDICT.replace("('predict',)", "('train', 'predict')")
IMAGES = hook(
    "yield SourceSpec('images', 'odd', 'obs_odd.cli:Odd', summary='Odd.')", "register_sources"
)
MODEL = """
import numpy as np

class Odd:
    def load(self, path, config): ...
    def score(self, batch):
        maps = self.score_map(batch)
        scores = maps.mean(axis=(1, 2))
{score}
        return scores
    def score_map(self, batch, mode="residual"):
        return np.square(batch).mean(axis=1)
    def train(self, train, validation, run, config):
        {train}
"""
SOURCE = """
import pandas as pd
from astrodome import files
from astrodome_solar import file_name
from PIL import Image

class Odd:
    def search(self, start, end, freq, wavelength):
        rows = pd.DataFrame({{"t_obs": pd.date_range(start, end, freq=freq, unit="us")}})
        rows["wavelength"] = wavelength[0]
        {search}
        return rows
    def fetch(self, rows, target):
        {fetch}
    def images(self, rows, target):
        for number, row in enumerate(rows.itertuples()):
            path = target / file_name(row.t_obs, row.wavelength)
            if not path.exists():
                with files.replacing(path, sync=False) as part:
                    Image.new("L", (64, 64), 100 + number).save(part, "JPEG")
            {image}
            yield path
"""


def model(name: str, host: str, kit: str, score: str = "", train: str = "...") -> Misbehaviour:
    cli = MODEL.format(score=indent(score, " " * 8), train=train)
    plugin = PREDICT if train == "..." else TRAIN
    return Misbehaviour(name, host, plugin, cli=cli, kit=kit, contract="model")


def source(name: str, host: str, kit: str, **parts: str) -> Misbehaviour:
    given = {"search": "", "fetch": "return self.images(rows, target)", "image": ""} | parts
    return Misbehaviour(name, host, IMAGES, cli=SOURCE.format(**given), kit=kit, contract="images")


COMPONENTS = (
    model("returns NaN as a score", CHECKED, "scores are NaN or infinite", "scores[0] = np.nan"),
    model("returns scores with another shape", CHECKED, "expected the shape (5,), got (5, 1)",
          "scores = scores[:, None]"),
    model("returns scores as text", CHECKED, "expected real numbers, got <U3",
          "scores = np.full(len(batch), 'odd')"),
    model("changes its input", NOT_SEEN, "the model changes its input", "batch[:] = 0"),
    model("returns scores that depend on the order of the images", NOT_SEEN,
          "Not equal to tolerance", "scores = scores * np.arange(1, len(batch) + 1)"),
    model("returns scores that depend on the other images", NOT_SEEN, "Not equal to tolerance",
          "scores = scores - scores.mean()"),
    model("returns random scores", NOT_SEEN, "Not equal to tolerance",
          "scores = scores + np.random.default_rng().random(len(batch))"),
    model("saves its weights with pickle", NOT_SEEN,
          "loading weights.pkl can execute code: use another format",
          train="(run.path / 'weights.pkl').write_bytes(b'')"),
    model("saves no weights", NOT_SEEN, "training writes no weights", train="return"),
    source("downloads all images before the first result is used", NOT_SEEN,
           "fetch writes files before its results are used",
           fetch="return list(self.images(rows, target))"),
    source("returns a table without a required column",
           "The command fails with a message that names the source and the missing column.",
           "the column wavelength is missing", search="del rows['wavelength']"),
    source("returns images outside the requested time range", NOT_SEEN,
           "rows are outside the requested time range",
           search="rows['t_obs'] -= pd.Timedelta('1h')"),
    source("does not report images that it did not download", FAILURE,
           "expected one result for each of 3 rows, got 2", image="if not number: continue"),
    source("writes truncated files", NOT_SEEN, "image file is truncated",
           image="path.write_bytes(path.read_bytes()[:-30])"),
    source("returns results of an unknown type", NOT_SEEN, "fetch yields str",
           image="path = str(path)"),
)  # fmt: skip
