from .api.benchmark import benchmark as benchmark
from .api.calibration import calibrate as calibrate
from .api.data import build_dataset as build_dataset
from .api.data import open_images as open_images
from .api.evaluation import evaluate as evaluate
from .api.models import explain as explain
from .api.models import generate as generate
from .api.models import reconstruct as reconstruct
from .api.models import score as score
from .api.models import score_maps as score_maps
from .api.models import train as train
from .evaluation.benchmark import Benchmark as Benchmark
from .evaluation.evaluate import Evaluation as Evaluation
from .evaluation.ground_truth import GroundTruth as GroundTruth
from .evaluation.ground_truth import ImageLabels as ImageLabels
from .evaluation.ground_truth import LabeledImage as LabeledImage
from .evaluation.instrument import InstrumentDefects as InstrumentDefects
from .evaluation.keyword_labels import KeywordLabels as KeywordLabels
from .evaluation.metrics import Estimate as Estimate
from .evaluation.metrics import image_metrics as image_metrics
from .evaluation.metrics import pixel_metrics as pixel_metrics
from .evaluation.shift import conformal_threshold as conformal_threshold
from .evaluation.shift import false_alarm_rate as false_alarm_rate
from .evaluation.solar_ood import SolarOod as SolarOod
from .evaluation.solar_ood import load_solar_ood as load_solar_ood
from .evaluation.synthetic import SyntheticAnomalies as SyntheticAnomalies
from .protocols import AnomalyModel as AnomalyModel
from .protocols import Explanation as Explanation
from .protocols import ImageDataset as ImageDataset
from .protocols import ImageSet as ImageSet
from .protocols import ReportView as ReportView
from .scoring.onnx_export import export_onnx as export_onnx
from .views.benchmark_page import write_benchmark as write_benchmark
from .views.evaluation_page import write_evaluation as write_evaluation
from .views.model_card import write_model_card as write_model_card
from .views.report import write_report as write_report
from .views.report_content import RunReport as RunReport
from .views.report_content import SavedPredictions as SavedPredictions

__version__: str
__all__ = [
    "AnomalyModel",
    "Benchmark",
    "Estimate",
    "Evaluation",
    "Explanation",
    "GroundTruth",
    "ImageDataset",
    "ImageLabels",
    "ImageSet",
    "InstrumentDefects",
    "KeywordLabels",
    "LabeledImage",
    "ReportView",
    "RunReport",
    "SavedPredictions",
    "SolarOod",
    "SyntheticAnomalies",
    "__version__",
    "benchmark",
    "build_dataset",
    "calibrate",
    "conformal_threshold",
    "evaluate",
    "explain",
    "export_onnx",
    "false_alarm_rate",
    "generate",
    "image_metrics",
    "load_solar_ood",
    "open_images",
    "pixel_metrics",
    "reconstruct",
    "score",
    "score_maps",
    "train",
    "write_benchmark",
    "write_evaluation",
    "write_model_card",
    "write_report",
]
