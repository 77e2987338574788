"""Models of the task ``sood``: what they compute, without a word about files or commands."""

import os

# Threads that wait for each other sleep instead of spin: where other processes use the same
# cores, a training step is then several times faster. It must be set before torch is loaded.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
