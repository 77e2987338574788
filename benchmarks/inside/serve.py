"""A process that runs named tasks on request and returns the duration of each in seconds.

It runs with the Python of all environments, so it uses only the standard library.
"""

import json
import os
import sys
from collections.abc import Callable


def serve(tasks: dict[str, Callable[..., float | list[float]]]) -> None:
    """Respond to requests ``[task, {argument: value}]``, one per line, until the input ends."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # Output of libraries is not a response.
    for line in sys.stdin:
        name, given = json.loads(line)
        print(json.dumps(tasks[name](**given)), file=answers)
