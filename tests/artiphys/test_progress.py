"""Bars: shown where asked, on long work only, and nowhere else."""

import sys

import pytest

from artiphys import progress
from artiphys.progress import bar, bars, tracked


@pytest.fixture
def at_once(monkeypatch):
    monkeypatch.setattr(progress, "DELAY", 0.0)


def test_items_are_yielded_as_they_are():
    with bars(True):
        assert list(tracked(iter("abc"), unit="letter", total=3)) == ["a", "b", "c"]


def test_a_bar_counts_what_is_done(capsys):
    with bars(True):
        for _ in tracked("abc", unit="letter", total=6, size=lambda _: 2):
            pass
    err = capsys.readouterr().err
    assert "0/6" in err
    assert "letter" in err


def test_on_a_terminal_long_work_has_a_bar_and_short_work_none(capsys, monkeypatch):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with bars(None):
        list(tracked("abc", unit="letter"))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "DELAY", 0.0)
    with bars(None):
        list(tracked("abc", unit="letter"))
    assert "0/3" in capsys.readouterr().err


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("asked", [None, False])
def test_without_a_terminal_or_told_not_to_nothing_is_shown(asked, capsys):
    with bars(asked):
        list(tracked("abc", unit="letter"))
        with bar(asked, total=3) as by_hand:
            by_hand.update()
    assert capsys.readouterr().err == ""


@pytest.mark.usefixtures("at_once")
def test_where_nobody_asked_nothing_is_shown(capsys):
    list(tracked("abc", unit="letter"))
    with bars(False), bars(None):  # of a function that a silent one calls
        list(tracked("abc", unit="letter"))
    assert capsys.readouterr().err == ""


def test_a_single_item_leaves_the_bar_to_what_is_below_it(capsys):
    with bars(True):
        for word in tracked(["abc"], unit="word"):
            list(tracked(word, unit="letter"))
    err = capsys.readouterr().err
    assert "letter" in err
    assert "word" not in err
