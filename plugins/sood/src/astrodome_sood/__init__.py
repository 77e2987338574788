"""Detect anomalous images of the Sun, and anomalous regions in them.

:func:`open_images` opens a data set, and :func:`build_dataset` creates an SDO ML v2 store.
:func:`train` trains a model, and :func:`score`, :func:`score_maps`, :func:`explain`,
:func:`reconstruct` and :func:`generate` apply a trained model. :func:`calibrate` calibrates
false-alarm probabilities with clean images. :func:`evaluate` compares the scores of models with a
ground truth. :func:`write_evaluation` and :func:`write_report` write HTML pages, and
:func:`export_onnx` exports a model.

:func:`benchmark` compares all models with the benchmark SolarOOD. :func:`load_solar_ood` returns
its images. :class:`SyntheticAnomalies`, :class:`InstrumentDefects`, :class:`KeywordLabels` and
:class:`ImageLabels` are ground truths for :func:`evaluate`. :func:`image_metrics`,
:func:`pixel_metrics`, :func:`conformal_threshold` and :func:`false_alarm_rate` compute metrics from
scores of any origin.

Examples
--------
>>> import astrodome_sood as sood
>>> run = sood.train("ae", "patches", "my_run", target_size=32, fmap_sizes=[4, 8], epochs=1)
>>> table = sood.score(run, "patches")  # the most anomalous images first
>>> maps = sood.score_maps(run, "patches")  # pixel scores
>>> result = sood.evaluate([run, "threshold"], "patches", bootstraps=10)
>>> page = sood.write_evaluation(result, "evaluation")
"""

import lazy_loader as lazy

__version__ = "0.1.0"
__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
