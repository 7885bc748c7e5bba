"""Tables of what was measured: whole for files, and beside the paper's figures for reading."""

from collections.abc import Mapping
from typing import Any

import pandas as pd
import xarray as xr

from artiphys_cli.pospisil_bair_2019.integration import Integration, integration_table
from artiphys_cli.pospisil_bair_2019.reproduction import Reproduction
from artiphys_cli.terminal import (
    correlation_frame,
    interval_text,
    number_text,
    p_text,
    print_prose,
    print_table,
)

__all__ = ["TABLES", "print_tables", "tables"]

TABLE_COLUMNS = [
    *("weights", "layer", "distance", "spearman", "ci_lower", "ci_upper"),
    *("p_value", "n_units", "paper"),
]
# Tables beside the paper's, for the files alone: they are wider than a terminal.
THEORY = ("rectification_fit", "explained_invariance", "input_shares", "integration")
TABLES = ("table1", "weight_share", *THEORY)


def tables(done: Mapping[str, Reproduction], integrated: Integration) -> dict[str, pd.DataFrame]:
    """Return the tables to write, by name, of networks by the names of their weights."""
    frames = {
        "table1": _table_frame,
        "weight_share": _share_frame,
        "rectification_fit": _fit_frame,
        "explained_invariance": _explained_frame,
        "input_shares": _input_frame,
    }
    measured = {
        name: pd.concat([frame(*each) for each in done.items()]) for name, frame in frames.items()
    }
    return measured | {"integration": integration_table(integrated)}


def print_tables(tables: dict[str, pd.DataFrame]) -> None:
    """Print a table a network, which fits a terminal of 80 columns whatever the network's name."""
    for name, cells in tables["table1"].groupby("weights", sort=False):
        print(f"\nTable 1, {name}: Spearman's r_s between invariance and dynamic range\n")
        print_table(_table_for_reading(cells))
    for name, cells in tables["weight_share"].groupby("weights", sort=False):
        print(f"\nCompensation, {name}: r_s between weight share and input variance\n")
        print_table(_shares_for_reading(cells))
    named = [f"{name}.csv" for name in THEORY]
    named += [f"figure{name}.png" for name in ("2", "3", "3-transfer", "4-*")]
    print_prose(f"The theory: {', '.join(named)}")


def _table_frame(name: str, result: Reproduction) -> pd.DataFrame:
    frame = correlation_frame(result.table).rename(columns={"area": "layer"})
    return frame.assign(weights=name)[TABLE_COLUMNS]


def _share_frame(name: str, result: Reproduction) -> pd.DataFrame:
    frame = correlation_frame(result.compensation).rename(
        columns={"area": "layer", "n": "n_inputs"}
    )
    columns = [c.replace("n_units", "n_inputs") for c in TABLE_COLUMNS if c != "distance"]
    return frame.assign(weights=name)[columns]


def _fit_frame(name: str, result: Reproduction) -> pd.DataFrame:
    fits = result.fits.rename(area="layer")
    for parameter in ("rho", "sigma"):
        interval = fits[f"{parameter}_interval"]
        for bound in ("lower", "upper"):
            fits[f"{parameter}_{bound}"] = interval.sel(ci_bound=bound, drop=True)
    columns = ["rho", "rho_lower", "rho_upper", "sigma", "sigma_lower", "sigma_upper"]
    columns += ["a", "a_error", "b", "b_error", "chi_square", "dof", "p_value", "r_squared"]
    columns += ["n_images_effective", "n_units", "n_left_out", "remark"]
    return _rows(name, fits[columns], ["layer", "distance"])


def _explained_frame(name: str, result: Reproduction) -> pd.DataFrame:
    return _rows(name, result.agreement.rename(area="layer"), ["layer", "distance", "prediction"])


def _input_frame(name: str, result: Reproduction) -> pd.DataFrame:
    shares = result.input_shares.rename(area="layer")
    for weights in shares["weights"].values:
        shares[f"invariance_{weights}"] = shares["invariance"].sel(weights=weights, drop=True)
    shares = shares.drop_vars(["invariance", "weights"])
    return _rows(name, shares, ["layer", "distance", "formula"])


def _rows(name: str, result: xr.Dataset, dims: list[str]) -> pd.DataFrame:
    frame = result.to_dataframe(dim_order=dims).reset_index()
    return frame.assign(weights=name)[["weights", *dims, *result.data_vars]]


def _table_for_reading(table: pd.DataFrame) -> pd.DataFrame:
    """Return a network's Table 1, a row a layer, the paper's figure after each of ours."""
    distances = table["distance"].unique()
    heads = ["layer", *(h for d in distances for h in (str(d).capitalize(), "paper")), "units"]
    rows = []
    for layer, cells in table.groupby("layer", sort=False):
        texts = [text for c in cells.itertuples() for text in (_text(c), number_text(c.paper))]
        rows.append([layer, *texts, cells["n_units"].iloc[0]])
    return pd.DataFrame(rows, columns=heads)


def _shares_for_reading(shares: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "layer": cell.layer,
            "r_s": _text(cell),
            "p": p_text(cell.p_value),
            "paper": number_text(cell.paper),
            "inputs": cell.n_inputs,
        }
        for cell in shares.itertuples()
    ]
    return pd.DataFrame(rows)


def _text(cell: Any) -> str:
    return f"{number_text(cell.spearman)} {interval_text(cell.ci_lower, cell.ci_upper)}"
