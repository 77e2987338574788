"""Compare the speed and memory of astrodome with sdo-cli and SCoPe in one run.

python -m benchmarks [startup] [resize] [patch] [cevae] [--repeat N] [--json FILE]
"""
