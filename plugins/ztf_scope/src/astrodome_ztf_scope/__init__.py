"""Source classification for the Zwicky Transient Facility (SCoPe).

:func:`load_config` reads the configuration. :func:`read_table`, :func:`write_table` and
:func:`read_dataset` read and write sources, and :func:`open_catalogue` gives access to light
curves, from which :func:`compute_features` and :func:`write_features` compute feature tables.
:func:`simulate_light_curves` simulates light curves with a known class and period.
:func:`refine_periods` and :func:`refine_period` refine the periods of eclipsing and pulsating
stars. :func:`prepare_dataset` splits and scales a data set, :func:`train_classifier` trains a
model, :func:`load_model` loads a trained model, :func:`find_models` searches directories for
trained models, :func:`classify` and :func:`predict_files` score sources, and :func:`evaluate` and
:func:`classification_metrics` compare scores with labels. :func:`consolidate_predictions` combines
the scores of all light curves of a source, and :func:`select_sample` selects sources to label.
:func:`open_marshal` opens a marshal such as Fritz. :func:`upload_classifications` and
:func:`download_classifications` transfer classifications to and from a marshal.

The names in ``__all__`` are the public interface; everything else may change without notice.
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
