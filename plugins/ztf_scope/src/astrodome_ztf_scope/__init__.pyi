from .catalogues.protocol import Catalogue as Catalogue
from .catalogues.registry import open_catalogue as open_catalogue
from .classifiers.consolidation import ConsolidatedPredictions as ConsolidatedPredictions
from .classifiers.consolidation import consolidate_predictions as consolidate_predictions
from .classifiers.evaluation import classification_metrics as classification_metrics
from .classifiers.evaluation import evaluate as evaluate
from .classifiers.loaded_models import LoadedModel as LoadedModel
from .classifiers.loaded_models import load_model as load_model
from .classifiers.prediction import PredictionResult as PredictionResult
from .classifiers.prediction import classify as classify
from .classifiers.prediction import predict_files as predict_files
from .classifiers.preprocessing.examples import PreparedDataSet as PreparedDataSet
from .classifiers.preprocessing.examples import prepare_dataset as prepare_dataset
from .classifiers.protocol import Classifier as Classifier
from .classifiers.samples import Sample as Sample
from .classifiers.samples import SampleOptions as SampleOptions
from .classifiers.samples import select_sample as select_sample
from .classifiers.trained_models import TrainedModel as TrainedModel
from .classifiers.trained_models import find_models as find_models
from .classifiers.training import train_classifier as train_classifier
from .config.loading import ScopeConfig as ScopeConfig
from .config.loading import load_config as load_config
from .features.dmdt import dmdt_image as dmdt_image
from .features.extraction.extraction import compute_features as compute_features
from .features.extraction.extraction import write_features as write_features
from .features.extraction.options import FeatureOptions as FeatureOptions
from .features.extraction.results import FeaturesResult as FeaturesResult
from .features.fourier import fourier_features as fourier_features
from .features.periods.finding import find_periods as find_periods
from .features.refinement.refine import RefinementOptions as RefinementOptions
from .features.refinement.refine import refine_period as refine_period
from .features.refinement.table import RefinementResult as RefinementResult
from .features.refinement.table import refine_periods as refine_periods
from .features.refinement.tasks import RefinementTask as RefinementTask
from .features.simulation.simulator import Simulation as Simulation
from .features.simulation.simulator import simulate_light_curves as simulate_light_curves
from .features.statistics import light_curve_statistics as light_curve_statistics
from .marshal.api import annotate as annotate
from .marshal.api import download_classifications as download_classifications
from .marshal.api import list_sources as list_sources
from .marshal.api import upload_classifications as upload_classifications
from .marshal.protocol import Marshal as Marshal
from .marshal.registry import open_marshal as open_marshal
from .tables.datasets import DataSet as DataSet
from .tables.datasets import read_dataset as read_dataset
from .tables.table_io import read_table as read_table
from .tables.table_io import write_table as write_table
from .vetting.pipeline import PipelineOptions as PipelineOptions
from .vetting.pipeline import PipelineResult as PipelineResult
from .vetting.pipeline import classify_light_curves as classify_light_curves

__all__ = [
    "Catalogue",
    "Classifier",
    "ConsolidatedPredictions",
    "DataSet",
    "FeatureOptions",
    "FeaturesResult",
    "LoadedModel",
    "Marshal",
    "PipelineOptions",
    "PipelineResult",
    "PredictionResult",
    "PreparedDataSet",
    "RefinementOptions",
    "RefinementResult",
    "RefinementTask",
    "Sample",
    "SampleOptions",
    "ScopeConfig",
    "Simulation",
    "TrainedModel",
    "annotate",
    "classification_metrics",
    "classify",
    "classify_light_curves",
    "compute_features",
    "consolidate_predictions",
    "dmdt_image",
    "download_classifications",
    "evaluate",
    "find_models",
    "find_periods",
    "fourier_features",
    "light_curve_statistics",
    "list_sources",
    "load_config",
    "load_model",
    "open_catalogue",
    "open_marshal",
    "predict_files",
    "prepare_dataset",
    "read_dataset",
    "read_table",
    "refine_period",
    "refine_periods",
    "select_sample",
    "simulate_light_curves",
    "train_classifier",
    "upload_classifications",
    "write_features",
    "write_table",
]
