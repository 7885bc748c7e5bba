"""The paper's question in ten lines: whether invariant units have the larger dynamic range.

python examples/table1.py [FOLDER_OF_PHOTOGRAPHS]
"""

import sys

import artiphys
from artiphys_torch import load_alexnet, probe

photographs = sys.argv[1] if len(sys.argv) > 1 else None  # without any: dead leaves
responses = probe(load_alexnet("untrained"), photographs)  # unit × image × position
table = artiphys.signature(responses, by="area", rng=0)
print(table["spearman"].to_pandas().round(2))
