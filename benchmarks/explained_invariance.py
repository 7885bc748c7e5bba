r"""How far inputs and weights explain the invariance of a network's units, layer by layer.

python benchmarks/explained_invariance.py photographs/ --model squeezenet1_1 \
    --weights squeezenet1_1.pth --layers features.6.expand3x3 features.9.squeeze
"""

import argparse
import sys

import numpy as np

from artiphys.estimators.dynamic_range import dynamic_range
from artiphys.estimators.invariance import invariance
from artiphys.integration.explained import agreement, explained_invariance
from artiphys.integration.input_shares import input_shares

SHIFTS = (0, 1 / 8, 1 / 4)
SHOWN = ("gaussian", "diagonal", "linear")


def main(arguments: list[str] | None = None) -> None:
    from artiphys_torch import as_photographs, load_network, probe
    from artiphys_torch.probing.inputs import kernel_weights, unrectified_inputs

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="?", help="folder; default dead leaves")
    parser.add_argument("--n-images", type=int, default=500)
    parser.add_argument("--model", default="alexnet")
    parser.add_argument("--weights", default="untrained")
    parser.add_argument("--layers", nargs="+", default=["features.3"])
    options = parser.parse_args(arguments)
    images = as_photographs(options.images, n_images=options.n_images)
    model = load_network(options.model, options.weights)
    print(
        "| layer | shift | identity to | r_s: gaussian, diagonal, linear "
        "| relation: measured, gaussian, diagonal, linear "
        "| invariance: inputs, units, shuffled weights, equal weights |"
    )
    print("|---|---|---|---|---|---|")
    for layer in options.layers:
        measured = probe(model, images, [layer], shifts=SHIFTS, progress=False)
        inputs = unrectified_inputs(model, images, layer, shifts=SHIFTS, progress=False)
        weights = kernel_weights(model, layer)
        found = agreement(
            explained_invariance(inputs, weights), dynamic_range(measured), invariance(measured)
        )
        shares = input_shares(inputs, weights, rng=0)
        for position in SHIFTS[1:]:
            at = {"position": position}
            cell = found.sel(at)
            worst = max(
                float(cell[f"largest_error_{name}"].sel(prediction="exact"))
                for name in ("variance", "invariance")
            )
            rank = cell["spearman_invariance"].sel(prediction=list(SHOWN)).values
            relation = cell["signature"].sel(prediction=list(SHOWN)).values
            relation = np.append(cell["signature_measured"].values[0], relation)
            middle = shares["invariance"].sel(at | {"formula": "exact"}).median("unit").values
            middle = np.append(shares["input_invariance"].sel(at), middle)
            texts = (", ".join(f"{v:.2f}" for v in values) for values in (rank, relation, middle))
            print(f"| {layer} | {position:g} | {worst:.0e} | {' | '.join(texts)} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
