"""Source classification for the Zwicky Transient Facility (SCoPe).

The names in ``__all__`` are the public interface; everything else may change without notice.
"""

import lazy_loader as lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy.attach_stub(__name__, __file__)
