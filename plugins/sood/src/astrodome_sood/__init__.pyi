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
from .evaluation.evaluate import Evaluation as Evaluation
from .protocols import AnomalyModel as AnomalyModel
from .protocols import Explanation as Explanation
from .protocols import ImageDataset as ImageDataset
from .protocols import ImageSet as ImageSet
from .scoring.onnx_export import export_onnx as export_onnx
from .views.evaluation_page import write_evaluation as write_evaluation
from .views.report import write_report as write_report

__version__: str
__all__ = [
    "AnomalyModel",
    "Evaluation",
    "Explanation",
    "ImageDataset",
    "ImageSet",
    "__version__",
    "build_dataset",
    "calibrate",
    "evaluate",
    "explain",
    "export_onnx",
    "generate",
    "open_images",
    "reconstruct",
    "score",
    "score_maps",
    "train",
    "write_evaluation",
    "write_report",
]
