"""Types of the JSON documents that the commands of ``scope`` print."""

from __future__ import annotations

from typing import Annotated, Any, NotRequired, TypedDict

from astrodome.outputs import More, OutcomeDocument


class FilterAnomalies(TypedDict):
    """Number of anomalous light curves in one filter. ``threshold`` is null if it is unknown."""

    filter: int
    light_curves: int
    threshold: float | None
    anomalies: int


class AnomaliesDocument(TypedDict):
    """The written file, and the numbers of anomalies."""

    out: str
    filters: list[FilterAnomalies]


class ClassRow(TypedDict):
    """A configured class and its trained models. The other keys are training parameters."""

    tag: str
    label: str
    parent: str | None
    features: str
    feature_count: int
    threshold: float
    balance: float | None
    weight_per_class: bool
    trained: list[str]
    runs: list[str]


ClassDocument = Annotated[ClassRow, More(Any)]

PredictionDocument = TypedDict(
    "PredictionDocument",
    {"out": str, "sources": int, "models": list[str], "without score": dict[str, int]},
)


class ClassifierMetricsRow(TypedDict):
    """Metrics of a classifier on a data set. They are null if they are undefined."""

    random_state: int | None
    tag: str
    algorithm: str
    run: str
    dataset: str
    sources: int
    positive: int
    precision: float | None
    recall: float | None
    f1: float | None
    roc_auc: float | None
    average_precision: float | None
    brier: float | None
    true_positive: int
    false_positive: int
    false_negative: int
    true_negative: int
    threshold: float
    unusable: int


class TrainingRows(TypedDict):
    """Numbers of rows of a data set that are used for training."""

    in_data_set: int
    used: int
    dropped: int
    undecided: int
    unlabelled: int
    reasons: list[Any]


class TrainedRow(TypedDict):
    """A training run. ``trained`` is the state, and ``run`` the folder of the run."""

    tag: str
    algorithm: str
    random_state: int | None
    sources: int | None
    positive: int | None
    f1: float | None
    precision: float | None
    recall: float | None
    roc_auc: float | None
    average_precision: float | None
    brier: float | None
    rows: NotRequired[TrainingRows]
    trained: str
    run: str | None


class FailedTrainingRow(TypedDict):
    """A training run that failed."""

    tag: str
    algorithm: str
    random_state: int | None
    trained: str
    error: str


class FeatureFileRow(TypedDict):
    """A written table of features."""

    out: str
    light_curves: int
    skipped: int
    failed: int


class FeaturesDocument(OutcomeDocument):
    """The written tables, and the light curves that cannot be used."""

    files: list[FeatureFileRow]
    problems: list[dict[str, Any]]


class RefinementDocument(OutcomeDocument):
    """Numbers of refined and changed periods. ``problems`` is keyed by source."""

    output: str
    rows: int
    refined: int
    changed: int
    problems: dict[str, str]


class ClassCountRow(TypedDict):
    """Numbers of sources of one class in a sample."""

    tag: str
    candidates: int
    selected: int
    in_sample: int


class SampleDocument(TypedDict):
    """Numbers of sources in a sample. ``files`` is keyed by content."""

    light_curves: int
    sources: int
    excluded: int
    selected: int
    classes: list[ClassCountRow]
    files: dict[str, str]


class ScopeRunDocument(TypedDict):
    """Numbers of light curves and sources. ``files`` is keyed by content."""

    light_curves: int
    skipped: int
    sources: int
    selected: int
    classes: list[ClassCountRow]
    problems: list[dict[str, Any]]
    files: dict[str, str]


ClassColumn = TypedDict(
    "ClassColumn",
    {"column": str, "class": str, "taxonomy": int | str, "rows": int, "of them zero": int},
)


class UploadedRow(TypedDict):
    """A row of the input file, and the requests that were sent for it."""

    row: int
    status: str
    obj_id: str | None
    reason: str
    changes: list[dict[str, Any]]


class BatchDocument(OutcomeDocument):
    """Numbers of changed and unchanged objects on a marshal."""

    dry_run: bool
    unchanged: int


class UploadDocument(BatchDocument):
    """The uploaded columns and rows."""

    columns: list[ClassColumn]
    rows: list[UploadedRow]


class DisagreementRow(TypedDict):
    """A light curve with different scores."""

    ztf_id: int
    status: str
    source: str | None
    reason: str


class _Disagreements(BatchDocument):
    disagreements: int
    statistics: str | None
    light_curves: list[DisagreementRow]


# The other keys are numbers of light curves: "with features" and "not in the training set".
DisagreementsDocument = Annotated[_Disagreements, More(int)]


class AnnotationRow(TypedDict):
    """The value of a key in an annotation before and after the change."""

    obj_id: str
    origin: str
    key: str | None
    before: Any
    after: Any


class AnnotationsDocument(BatchDocument):
    """The changed annotations. ``undo`` is the file from which they can be restored."""

    changes: list[AnnotationRow]
    undo: str | None


class _Classifications(TypedDict):
    rows: int
    found: int
    failed: int


# The other keys are written files and numbers of rows.
ClassificationsDocument = Annotated[_Classifications, More(str | int)]


class JournalRow(TypedDict):
    """A request that was sent to change a marshal. ``started`` is the time in UTC."""

    started: str
    obj_id: str | None
    action: str
    state: str
    attempts: int
    request: Any
    response: Any


class _Vetting(TypedDict):
    file: str
    left: int


# The other keys are numbers of decisions, keyed by action.
VettingDocument = Annotated[_Vetting, More(int)]


class PostedTaxonomyDocument(TypedDict):
    """The taxonomy on the marshal. ``id`` is null in a dry run."""

    id: int | None
    name: str
    version: str
    classes: int
    posted: bool


class TaxonomyRow(TypedDict):
    """A taxonomy on a marshal, and the number of its classes."""

    id: int
    name: str
    version: str | None
    provenance: str | None
    classes: int


class _Taxonomy(TypedDict):
    id: int
    name: str
    hierarchy: dict[str, Any]


# The other keys depend on the marshal.
TaxonomyDocument = Annotated[_Taxonomy, More(Any)]


class LightCurveId(TypedDict):
    _id: int


LightCurveIdRow = Annotated[LightCurveId, More(float)]
"""Identifier of a light curve. The other keys are its coordinates, if requested."""


class IdFileDocument(TypedDict):
    """A written file with identifiers."""

    file: str
    ids: int


class QuadrantRow(TypedDict):
    """The identifiers in one CCD quadrant, and the file that contains them."""

    ccd: int
    quad: int
    ids: int
    file: str
    fetched: bool


LightCurveIdsDocument = list[LightCurveIdRow] | list[QuadrantRow] | IdFileDocument


class MarshalSourceRow(TypedDict):
    """A source on a marshal. Positions are in degrees, and ``separation`` is in arcsec."""

    id: str
    ra: NotRequired[float]
    dec: NotRequired[float]
    separation: NotRequired[float]
    classifications: str
    groups: str


CatalogueSourceRow = dict[str, Any]
"""A document of a catalogue, whose keys depend on the collection."""


SourcesDocument = list[MarshalSourceRow] | list[CatalogueSourceRow]


class PeriodRow(TypedDict):
    """A period in days that an algorithm found."""

    algorithm: str
    rank: int
    period: float
    significance: float | None
    log10_fap: float | None


class LightCurveStatistics(TypedDict):
    """Numbers of used and removed epochs of a light curve, and its statistics."""

    id: int | str
    band: str
    epochs: int
    removed: dict[str, int]
    statistics: dict[str, float | None]


class LightCurveDocument(TypedDict):
    """The light curves, periods and features of a source. ``files`` are the written files."""

    source: str
    ra: float | None
    dec: float | None
    period: float | None
    algorithm: str | None
    significance: float | None
    log10_fap: float | None
    log10_fap_period: float | None
    periods: list[PeriodRow]
    agreement: dict[str, float | None]
    fourier: dict[str, float | None]
    light_curves: list[LightCurveStatistics]
    files: list[str]
