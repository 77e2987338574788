"""Speed and memory of astrodome beside the older tools, measured in one run.

python -m benchmarks [startup] [resize] [patch] [cevae] [--repeat N] [--json FILE]
"""
