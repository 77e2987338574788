# Types of the names that __init__.py imports on first use.
from . import (
    arrow as arrow,
)
from . import (
    checks as checks,
)
from . import (
    compute as compute,
)
from . import (
    console as console,
)
from . import (
    errors as errors,
)
from . import (
    files as files,
)
from . import (
    http as http,
)
from . import (
    lazy as lazy,
)
from . import (
    models as models,
)
from . import (
    option_groups as option_groups,
)
from . import (
    runs as runs,
)
from . import (
    settings as settings,
)
from . import (
    sources as sources,
)
from . import (
    spreadsheets as spreadsheets,
)
from . import (
    temporary as temporary,
)
from . import (
    testing as testing,
)
from . import (
    times as times,
)
from .errors import AstrodomeError as AstrodomeError
from .hookspecs import (
    CheckSpec as CheckSpec,
)
from .hookspecs import (
    CommandSpec as CommandSpec,
)
from .hookspecs import (
    KindSpec as KindSpec,
)
from .hookspecs import (
    ModelSpec as ModelSpec,
)
from .hookspecs import (
    SourceSpec as SourceSpec,
)
from .hookspecs import (
    hookimpl as hookimpl,
)

__version__: str
API_VERSION: tuple[int, int]

__all__ = [
    "API_VERSION",
    "AstrodomeError",
    "CheckSpec",
    "CommandSpec",
    "KindSpec",
    "ModelSpec",
    "SourceSpec",
    "arrow",
    "checks",
    "compute",
    "console",
    "errors",
    "files",
    "hookimpl",
    "http",
    "lazy",
    "models",
    "option_groups",
    "runs",
    "settings",
    "sources",
    "spreadsheets",
    "temporary",
    "testing",
    "times",
]
