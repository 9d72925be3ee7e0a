"""A run while it is under way: redrawn in place on a terminal that can be, in lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.text import Text

from pipeline.deployed.live_lines import LiveLines
from pipeline.deployed.live_view import draw
from pipeline.deployed.pace import PaceMaker
from pipeline.deployed.progress import Progress

_PAUSE_OF_A_VIEW = 0.2
_PAUSE_OF_LINES = 2.0


class LiveRun:
    """The progress of one run, wherever it runs."""

    def __init__(self, console: Console, *, verbose: bool = False) -> None:
        self._console = console
        self._verbose = verbose
        is_drawn = console.is_terminal and not console.is_dumb_terminal
        self._live = Live(console=console, transient=True, auto_refresh=False) if is_drawn else None
        self._lines = LiveLines(self._say)
        self._pace = PaceMaker()

    @property
    def pause(self) -> float:
        """Seconds between two looks at the run, at least. Lines tell of the states that it comes to, and are read
        later."""
        return _PAUSE_OF_LINES if self._live is None else _PAUSE_OF_A_VIEW

    @contextmanager
    def shown(self, first: str = "starting the local cloud, deploying infra/template.yaml") -> Iterator["LiveRun"]:
        """Show the run for as long as it is needed; `first` is what it says before there is anything to tell."""
        if self._live is None:
            yield self
            return
        self._live.update(Text(first), refresh=True)
        with self._live:
            yield self

    def update(self, progress: Progress) -> None:
        if self._live is None:
            self._lines.update(progress)
        else:
            self._draw(draw(progress, self._pace.of(progress), self._console))

    def looked(self, done: int, total: int) -> None:
        """How many rejected images have been looked at, before a replay of those that are fixed."""
        line = f"{done:,} of {total:,} rejected images looked at"
        if self._live is not None:
            # A bar does not end its line by itself: what follows would stand beside it.
            bar = Padding(ProgressBar(total=total, completed=done, width=40))
            self._draw(Group(bar, Text(line, no_wrap=True, overflow="ellipsis")))
        elif not done:
            self._say(line)

    def note(self, sentence: str) -> None:
        """What only a person who asked for detail is told."""
        if self._verbose:
            self._console.print(Text(sentence, style="dim"), soft_wrap=True)

    def _draw(self, view: RenderableType) -> None:
        if self._live is not None:
            self._live.update(view, refresh=True)

    def _say(self, line: str) -> None:
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)
