"""Words become values exactly as they were typed, or are refused in words that name them."""

from pathlib import Path

import pytest

from artiphys.errors import InputError
from artiphys_cli.options import UsageError, as_typed, position_label
from artiphys_cli.parser import parsed


def given(*argv):
    """Return the arguments that a command would be called with."""
    call = parsed([str(word) for word in argv])
    return call.keywords | dict(enumerate(call.args))


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["signature", "a.nc", "b.nc"], 0, (Path("a.nc"), Path("b.nc"))),
        (["signature", "--resample", "image", "unit", "--", "a.nc"], "resample", ("image", "unit")),
        (["signature", "a.nc", "--resample", "image", "unit"], "resample", ("image", "unit")),
        (["signature", "a.nc", "--resample=image"], "resample", ("image",)),
        (["signature", "a.nc", "--reference", "-0.25"], "reference", "-0.25"),
        (["signature", "a.nc", "--reference", "none"], "reference", "none"),
        (["signature", "a.nc", "--level=0.9"], "level", 0.9),
        (["signature", "a.nc", "--noise", "split"], "noise", "split"),
        (["signature", "a.nc", "--quiet"], "quiet", True),
        (["signature", "a.nc", "--seed", "1", "--seed", "2"], "seed", 2),
        (["reproduce", "--out", "a", "--out", "b"], "out", Path("b")),
        (["reproduce", "--weights", "imagenet", "--weights", "a", "b"], "weights", ("a", "b")),
        (["probe", "--out", "a.nc", "--shifts", "0", "1/8", ".5"], "shifts", (0, 0.125, 0.5)),
        (["probe", "--out", "a.nc", "--crop", "3/4"], "crop", 0.75),
        (["probe", "--out", "a.nc", "--background", "-1"], "background", "-1"),
        (["simulate", "--out", "a.nc", "--repeats", "2", "10"], "repeats", (2, 10)),
        (
            ["ingest", "a", "--layout", "l", "--out", "x", "--window", "-0.1", "2"],
            "window",
            ("-0.1", "2"),
        ),
        (["compare", "a", "b", "--positions", "1=2", "3=left"], "positions", ("1=2", "3=left")),
    ],
)
def test_what_is_typed_is_what_is_meant(argv, name, value):
    assert given(*argv)[name] == value


@pytest.mark.parametrize(
    ("argv", "fault"),
    [
        ([], "required: COMMAND"),
        (["sing"], "invalid choice: 'sing' (choose from reproduce, probe, "),
        (["--sing"], "unrecognized arguments: --sing; see artiphys --help"),
        (["compare", "a.nc"], "required: BRAIN; see artiphys compare --help"),
        (["signature", "a", "--nois", "split"], "--nois (did you mean --noise?); see artiphys sig"),
        (["signature", "a", "--by", "b", "c"], "unrecognized arguments: c; see"),
        (["signature", "a", "--by"], "--by: a value is expected; see"),
        (["signature", "a", "--resample"], "--resample: at least one value is expected; see"),
        (["signature", "a", "--level", "high"], "--level: invalid float value: 'high'; it must be"),
        (["signature", "a", "--no-quiet"], "unrecognized arguments: --no-quiet"),
        (["simulate", "--out", "a", "--n-units", "1.5"], "--n-units: invalid int value: '1.5'"),
        (["simulate", "--out", "a", "--repeats", "2", "x"], "--repeats: invalid int value: 'x'"),
        (
            ["probe", "--out", "a", "--shifts", "0", "1/0"],
            "--shifts: must be a number, as 0.125 or",
        ),
        (["ingest", "a", "--layout", "b", "--out", "c", "--join", "d"], "choose from exact, outer"),
        (["completion", "csh"], "SHELL: invalid choice: 'csh' (choose from bash, zsh, fish)"),
    ],
)
def test_what_cannot_be_is_one_line(argv, fault):
    with pytest.raises(UsageError) as refused:
        parsed(argv)
    assert fault in str(refused.value)
    assert "\n" not in str(refused.value)


def test_arguments_are_told_as_they_are_typed():
    text = "resample=('image', 'unit') draws; resample=('unit',) or noise=None, reference='best'"
    typed = "--resample image unit draws; --resample unit or --noise none, --reference best"
    assert as_typed(text) == typed
    assert as_typed("p=None of x.nc; by=3") == "p=None of x.nc; by=3"
    pairs = as_typed("say which, as positions={0.125: 1, 0.25: 2}; or not")
    assert pairs == "say which, as --positions 0.125=1 0.25=2; or not"


def test_labels_are_found_in_any_spelling():
    assert position_label("1e-1", [0, 0.1, "left"], where="them") == 0.1
    assert position_label("left", [0, 0.1, "left"], where="them") == "left"
    with pytest.raises(InputError, match=r"right is not among them \[0, 'left'\]"):
        position_label("right", [0, "left"], where="them")
