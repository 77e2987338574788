"""A process that does named tasks on demand and answers with the seconds each took.

Run by both sides, the older tools' Python too; so nothing but the standard library.
"""

import json
import os
import sys
from collections.abc import Callable


def serve(tasks: dict[str, Callable[..., float | list[float]]]) -> None:
    """Answer requests ``[task, {argument: value}]``, one a line, until there are no more."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever the libraries print is no answer
    for line in sys.stdin:
        name, given = json.loads(line)
        print(json.dumps(tasks[name](**given)), file=answers)
