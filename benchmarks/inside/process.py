"""Run a command and print ``[wall time in s, CPU time in s, peak memory in MB]``.

This script runs in a separate process, because the peak memory that the system reports for a
child process is at least the memory of its parent process.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

MB = 1e6 if sys.platform == "darwin" else 1e6 / 1024  # bytes on macOS, KiB on Linux

with tempfile.TemporaryFile() as output:
    started = time.perf_counter()
    child = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - started
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        output.seek(0)
        sys.exit(output.read().decode(errors="replace")[-1000:].strip() or "no output")
print(json.dumps([wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / MB]))
