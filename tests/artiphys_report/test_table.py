"""The unit table of a page."""

import base64
import io

import pandas as pd
import pytest

from artiphys.signatures.unit_table import unit_table
from artiphys_report.table import MAX_ROWS, number_shown, table_of


def test_the_download_is_the_whole_table(recording):
    table = unit_table(recording)
    told = table_of(table)
    assert base64.b64decode(told.csv) == table.to_csv(index=False).encode()
    assert told.n_rows == len(table) == len(told.rows)
    numbers = dict(told.columns)
    assert numbers["dynamic_range"]
    assert not numbers["unit"]
    assert not numbers["used"]


def test_a_long_table_is_shown_in_part_and_downloaded_whole(recording):
    table = pd.concat([unit_table(recording)] * 10, ignore_index=True)
    told = table_of(table)
    assert (len(told.rows), told.n_rows) == (MAX_ROWS, 600)
    assert len(pd.read_csv(io.BytesIO(base64.b64decode(told.csv)))) == 600


def test_awkward_labels_come_back_from_the_download():
    labels = ["a,b", 'say "x"', "two\nlines", "µ", "<script>", "1e3"]
    table = pd.DataFrame({"unit": labels, "value": [1.0, float("nan"), 3, 4, 5, 6]})
    told = table_of(table)
    back = pd.read_csv(io.BytesIO(base64.b64decode(told.csv)))
    assert back["unit"].tolist() == labels
    assert [row[0] for row in told.rows] == labels
    assert told.rows[1][1] == ""


@pytest.mark.parametrize(
    ("number", "text"),
    [
        *((0.0, "0"), (7.0, "7"), (0.12, "0.120"), (0.99951, "1.00"), (999.4, "999")),
        *((999.6, "1000"), (123456.7, "123457"), (-0.5, "−0.500"), (1e-4, "1.00e−04")),
        *(
            (float("-inf"), "−∞"),
            (1e300, "1.00e300"),
            (31.25, "31.3"),
            (1000.5, "1001"),
            (float("nan"), ""),
        ),
    ],
)
def test_numbers_are_short(number, text):
    assert number_shown(number) == text
