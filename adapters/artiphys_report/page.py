"""The page itself: a template filled in, its style and its script within it.

A policy in the page forbids it to load anything from anywhere and to run any script but its own,
known by its digest. Labels of files are text: the template escapes them, and a policy that no
label can change stands behind it.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from artiphys_report.cautions import sentence
from artiphys_report.colours import DARK_PAPER, variables
from artiphys_report.data import is_network
from artiphys_report.figures import Picture
from artiphys_report.table import MAX_ROWS

__all__ = ["Page", "rendered"]

IF_A_NETWORK = ", if these are a network's responses and not averages over trials"


class Page(NamedTuple):
    """All that a page shows."""

    chapters: Sequence[Any]
    comparisons: Sequence[Any]
    simulations: int
    level: float
    command: str
    record: str  # provenance of the page, JSON
    made: str


def rendered(page: Page) -> str:
    """Return the page as HTML."""
    environment = Environment(
        loader=PackageLoader("artiphys_report", "template"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["prose"] = _prose
    # Black is what a shape without a colour of its own has.
    colours = ["#000000", *(colour for each in _pictures(page) for colour in each.colours)]
    style = environment.get_template("report.css").render(
        light=Markup(variables(colours, dark=False)),
        dark=Markup(variables(colours, dark=True)),
        dark_paper=DARK_PAPER,
    )
    script = _source(environment, "report.js")
    record = json.loads(page.record)
    html: str = environment.get_template("report.html").render(
        page=page,
        style=Markup(style),
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        record=json.dumps(record, ensure_ascii=False, indent=2),
        versions=record["versions"],
        max_rows=MAX_ROWS,
        level=f"{100 * page.level:g}",
        n_tests=sum(len(chapter.findings) for chapter in page.chapters),
        summary=_summaries(page.chapters),
        scopes={chapter.scope for chapter in page.chapters},
        covariates=", ".join(record["arguments"]["covariates"]),
    )
    return html + "\n"


def _summaries(chapters: Sequence[Any]) -> list[str]:
    """Return what was found in each file, in how many tests."""
    texts = [
        _summary([one.outcome for one in chapter.findings])
        + (IF_A_NETWORK if _may_be_averages(chapter) else "")
        for chapter in chapters
    ]
    if len(texts) == 1:
        return [sentence(texts[0])]
    names = [chapter.input.name for chapter in chapters]
    return [f"{name}: {text}." for name, text in zip(names, texts, strict=True)]


def _may_be_averages(chapter: Any) -> bool:
    """Say whether a relation was found that noise could have made."""
    found = any(one.outcome == "wider range, more invariant" for one in chapter.findings)
    return found and not (chapter.input.has_trials or is_network(chapter.input))


def _summary(outcomes: list[str]) -> str:
    n = len(outcomes)
    clauses = {
        "wider range, more invariant": "units of wider dynamic range were more invariant",
        "wider range, less invariant": "units of wider dynamic range were less invariant",
        "a relation, of unknown size": "there was a relation, whose size could not be told",
        "no relation found": "no relation was found",
        "too little to tell": "too little was measured to tell",
    }
    told = []
    for outcome, clause in clauses.items():
        count = outcomes.count(outcome)
        if count:
            of = f" in all {n} tests" if count == n else f" in {count} of {n} tests"
            told.append(clause + (of if n > 1 else ""))
    return "; ".join(told)


def _prose(text: str) -> Markup:
    """Return words with r_s and p as a journal sets them."""
    html = str(escape(text)).replace("&#39;", "’")
    html = re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", html)
    html = re.sub(r"\br_s\b", "<i>r</i><sub>s</sub>", html)
    html = re.sub(r"\bp(?= (?:=|&lt;|≥)|-value)", "<i>p</i>", html)
    return Markup(re.sub(r"(?<=</i>) (=|&lt;|≥) ", "\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", html))


def _source(environment: Environment, name: str) -> str:
    assert environment.loader is not None  # given above
    return environment.loader.get_source(environment, name)[0].strip()


def _pictures(page: Page) -> list[Picture]:
    found = [picture for each in page.comparisons for picture in each.pictures]
    for chapter in page.chapters:
        for one in chapter.findings:
            found += [p for p in (one.scatter, *one.calibration, one.theory) if p is not None]
    return found
