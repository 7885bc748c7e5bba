"""Several files that appear together, or none of them."""

import os
from pathlib import Path

import pytest

from artiphys.atomic_files import with_suffix, written_together
from artiphys.errors import InputError


def test_files_appear_when_all_of_them_are_there(tmp_path):
    folder = tmp_path / "new" / "folder"
    with written_together(folder) as partial:
        (partial / "a").write_text("one")
        assert [name for name in os.listdir(folder) if not name.startswith(".")] == []
        (partial / "b").write_text("two")
    assert sorted(os.listdir(folder)) == ["a", "b"]
    assert (folder / "b").read_text() == "two"


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, InputError])
def test_after_an_error_all_is_as_before(tmp_path, error):
    (tmp_path / "a").write_text("old")

    def write(folder):
        with written_together(folder) as partial:
            (partial / "a").write_text("new")
            raise error

    with pytest.raises(error):
        write(tmp_path)
    assert os.listdir(tmp_path) == ["a"]
    assert (tmp_path / "a").read_text() == "old"
    with pytest.raises(error):
        write(tmp_path / "made")
    assert os.listdir(tmp_path) == ["a"]


def test_errors_name_the_folder_that_was_asked_for(tmp_path):
    with pytest.raises(InputError) as refused, written_together(tmp_path) as partial:
        raise InputError(f"{partial}/a: cannot be written")
    assert str(refused.value) == f"{tmp_path}/a: cannot be written"
    (tmp_path / "a").mkdir()
    with (
        pytest.raises(InputError, match=f"{tmp_path}/a: cannot be written: a folder of that name"),
        written_together(tmp_path) as partial,
    ):
        (partial / "a").write_text("new")
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="a file of that name is in the way"),
        written_together(tmp_path / "file"),
    ):
        pass


def test_suffixes_in_small_and_capital_letters():
    assert with_suffix(Path("a.CSV"), ".csv") == Path("a.CSV")
    with pytest.raises(InputError, match=r"a.txt: the name must end in .csv; got '.txt'"):
        with_suffix(Path("a.txt"), ".csv")
