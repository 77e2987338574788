"""Compare the speed and memory of astrodome with sdo-cli and SCoPe in one run.

python -m benchmarks [SUBJECT ...] [--repeat N] [--small] [--json FILE]
"""
