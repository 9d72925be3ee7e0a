"""A run under way: drawn on a terminal that can be redrawn, in lines elsewhere."""

import io
import re

import pytest
from rich.console import Console

from pipeline.deployed.progress import Progress
from pipeline.laptop.live_run import LiveRun

LOOKS = (Progress("StartRun"), Progress("ForEachSource", "run", 1200, 400), Progress("ForEachSource", "run", 1200, 900))


def told(is_terminal: bool) -> str:
    """What a look at 3,000 rejected images writes."""
    console = Console(file=io.StringIO(), width=100, force_terminal=is_terminal)
    with LiveRun(console).shown() as live:
        for done in (0, 1500, 3000):
            live.looked(done, 3000)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_on_a_terminal_a_replay_says_how_far_its_look_has_come() -> None:
    assert "1,500 of 3,000 rejected images looked at" in told(is_terminal=True)


def test_elsewhere_a_replay_says_once_that_it_looks() -> None:
    assert told(is_terminal=False) == "0 of 3,000 rejected images looked at\n"


def watched(**options: bool) -> str:
    """What three looks at a run write."""
    console = Console(file=io.StringIO(), width=80, **options)  # type: ignore[arg-type]
    with LiveRun(console).shown() as live:
        for look in LOOKS:
            live.update(look)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_terminal_shows_every_look() -> None:
    assert "1,200 listed, 900 validated, 0 predicted" in watched(force_terminal=True)


def test_a_pipe_gets_a_line_for_each_state_and_no_escape_sequence() -> None:
    assert watched() == (
        "StartRun               0 listed, 0 validated, 0 predicted\n"
        "ForEachSource          1,200 listed, 400 validated, 0 predicted\n"
    )


def test_a_terminal_that_cannot_be_redrawn_gets_lines_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    assert watched(force_terminal=True) == watched()


def test_a_terminal_is_looked_for_more_often_than_a_pipe() -> None:
    terminal, pipe = (LiveRun(Console(file=io.StringIO(), force_terminal=is_one)) for is_one in (True, False))

    assert terminal.pause < 1 < pipe.pause


def test_without_colour_nothing_is_coloured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    colours = {
        code for codes in re.findall(r"\x1b\[([\d;]*)m", watched(force_terminal=True)) for code in codes.split(";")
    }
    assert colours <= {"0", "1", "2"}  # plain, bold and dim


@pytest.mark.parametrize(("verbose", "shown"), [(True, "deployed\n"), (False, "")])
def test_detail_is_for_who_asked_for_it(verbose: bool, shown: str) -> None:
    console = Console(file=io.StringIO())
    LiveRun(console, verbose=verbose).note("deployed")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == shown
