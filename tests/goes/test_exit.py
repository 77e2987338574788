"""`sdo goes import` exits with status 0 after it has stored everything."""

from __future__ import annotations

import json
import subprocess
import sys

from services.goes import REAL
from sunpy.data.test import get_test_filepath

MANY = """
import collections, json, os, shutil, sys
import astrodome_goes.archives.importing
import astrodome_goes.store.parquet
from astrodome.app import main

runs, file, folder = int(sys.argv[1]), *sys.argv[2:]
codes, error = collections.Counter(), ""
for number in range(runs):
    read, write = os.pipe()
    if not (child := os.fork()):
        os.dup2(write, 2)
        main("sdo", ["goes", "import", file, "--store", f"{folder}/{number}", "--jobs", "1"])
        sys.exit()  # Like the script, exit through the normal end of the interpreter.
    os.close(write)
    with open(read) as stream:
        text = stream.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    codes[code] += 1
    error = text if code else error
    shutil.rmtree(f"{folder}/{number}", ignore_errors=True)
print(json.dumps([codes, error]))
"""
"""Import the libraries once and run the command in forked processes, which exit normally."""


LOOKUPS = """
import collections, json, os, sys
from pathlib import Path
import astrodome_goes.store.parquet
from astrodome_goes.store.parquet import read_good_records

runs, month = int(sys.argv[1]), Path(sys.argv[2])
codes = collections.Counter()
for number in range(runs):
    if not (child := os.fork()):
        read_good_records(month)
        sys.exit()
    codes[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])] += 1
print(json.dumps(codes))
"""
"""Read a month in forked processes, which exit immediately after that."""


def test_import_exits_with_zero_every_time(torture, tmp_path):
    runs = torture(3, 1000)
    command = [sys.executable, "-c", MANY, str(runs), get_test_filepath(REAL[5]), str(tmp_path)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    codes, error = json.loads(ran.stdout)
    assert codes == {"0": runs}, error


def test_a_process_that_reads_a_month_exits_with_zero_every_time(torture, goes, tmp_path):
    goes("import", get_test_filepath(REAL[5]), "--store", tmp_path).succeeded()
    month, runs = next(tmp_path.rglob("xrs.parquet")), torture(50, 1000)
    command = [sys.executable, "-c", LOOKUPS, str(runs), str(month)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(ran.stdout) == {"0": runs}, ran.stderr
