"""Replay a run of this machine: serve the same images again, and run over those that were fixed since.

`imagebatch run` leaves what is needed beside a run's results: rejected.csv, and request.json (laptop/run_request.py).
The new run gets a folder of its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.errors import InvalidReplay, UnknownRun
from pipeline.interrupts import checkpoint
from pipeline.laptop.run_local import RunReport, local_stack
from pipeline.laptop.run_request import REQUEST_FILE, RunRequest
from pipeline.objects import parse_s3_uri
from pipeline.runs.replay import Comparison, Rejection, choose, compare, list_for_replay, read_rejections

if TYPE_CHECKING:
    from pipeline.laptop.live_run import LiveRun

_REJECTED = "rejected.csv"
_RUNS_TOLD = 5


@dataclass(frozen=True)
class LocalRun:
    """An earlier run of this machine, and what it rejected."""

    run_id: str
    request: RunRequest
    rejections: list[Rejection]


def find_run(out: Path, name: str) -> LocalRun:
    """The run whose results lie in `out / name`. Raises UnknownRun where there are none, InvalidReplay
    where they cannot be replayed."""
    run_id = Path(name).name
    folder = out / run_id
    if not run_id or not folder.is_dir():
        known = sorted(path.parent.name for path in out.glob(f"*/{REQUEST_FILE}"))[-_RUNS_TOLD:]
        runs = f"the latest there are {', '.join(known)}" if known else "there are none yet"
        raise UnknownRun(f"There is no run {name!r} in {str(out)!r}; {runs}. --out says where runs left their results.")
    try:
        request = RunRequest.load(folder, out)
        table = (folder / _REJECTED).read_bytes()
    except OSError as error:
        raise InvalidReplay(
            f"{str(folder)!r} has no {Path(error.filename).name}, which `imagebatch run` leaves there: it cannot be "
            "replayed; run it anew."
        ) from error
    except ValueError as error:
        raise InvalidReplay(f"{str(folder / REQUEST_FILE)!r} was not written by `imagebatch run`: {error}") from error
    return LocalRun(run_id, request, read_rejections(table, str(folder / _REJECTED)))


def replay_local(run: LocalRun, reasons: Collection[str], live: "LiveRun") -> tuple[Comparison, RunReport | None]:
    """Compare what `run` rejected with what is there now, and run over what is fixed; no report where nothing is.

    Raises InvalidReplay for an unknown reason, and UsageError where the images or the model are no longer there.
    """
    chosen = choose(run.rejections, reasons)
    if not chosen:
        return Comparison((), 0, 0, 0), None
    with local_stack(run.request, live) as here:
        s3 = here.cloud.client("s3")
        # All images of a run on this machine come from one bucket, whatever it is called this time.
        bucket, _ = parse_s3_uri(here.prefix)

        def looked(done: int, total: int) -> None:
            checkpoint()
            live.looked(done, total)

        comparison = compare([replace(rejection, bucket=bucket) for rejection in chosen], s3, looked)
        if not comparison.fixed:
            return comparison, None
        images = list_for_replay(run.run_id, comparison, s3, here.stack.outputs["ResultsBucket"])
        return comparison, here.run(images, live)
