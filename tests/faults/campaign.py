"""The campaign: many runs, in each of which something goes wrong; what came of it, as a table.

python tests/faults/campaign.py                       the whole of it: make faults
python tests/faults/campaign.py --seeds 17 -v         one run again
"""

import argparse
import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from clouds import Here, Inbox, Up, scratch  # noqa: E402
from scenarios import Scenario, scenario  # noqa: E402
from trials import Trial, Truth, bring_through, undisturbed  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1-120", help="as in 1-120 or 3,17 (default: %(default)s)")
    parser.add_argument("--clouds", type=int, default=2, help="how many local clouds side by side")
    parser.add_argument("--json", action="store_true", help="print what became of each run as a line of JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="say how each run went")
    options = parser.parse_args()
    seeds = list(seeds_of(options.seeds))
    shares = [seeds[number :: options.clouds] for number in range(min(options.clouds, len(seeds)))]
    trials: list[Trial] = []
    with ProcessPoolExecutor(len(shares), mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(run_seeds, share, options.verbose) for share in shares]):
            trials += done.result()
    trials.sort(key=lambda trial: trial.seed)
    for trial in trials:
        if options.json:
            print(json.dumps(asdict(trial)))
        elif not trial.is_good:
            print(f"seed {trial.seed}: lost {trial.lost}, duplicated {trial.duplicated}, wrong {trial.wrong}")
    if not options.json:
        print(table(trials))
    return 0 if all(trial.is_good for trial in trials) else 1


def seeds_of(text: str) -> Iterable[int]:
    for part in text.split(","):
        first, dash, last = part.partition("-")
        yield from range(int(first), int(last if dash else first) + 1)


def run_seeds(seeds: Sequence[int], verbose: bool = False) -> list[Trial]:
    """The runs of some seeds, one after the other. Those that kill the cloud have one of their own."""
    trials: list[Trial] = []
    with scratch() as folder:
        here = Here(Path(folder) / "here", inbox := Inbox())
        try:
            truths = {engine: undisturbed(here, engine) for engine in {scenario(seed).engine for seed in seeds}}
            for seed in seeds:
                what = scenario(seed)
                trial = carried_out(what, here, truths[what.engine], Path(folder) / f"up-{seed}", inbox)
                trials.append(trial)
                if verbose:
                    print(line_of(trial), flush=True)
        finally:
            here.close()
    return trials


def line_of(trial: Trial) -> str:
    end = "good" if trial.is_good else "BAD"
    return f"{trial.seed:>4} {trial.seconds:6.1f} s {end} {trial.faults} {trial.ways}"


def carried_out(what: Scenario, here: Here, truth: Truth, folder: Path, inbox: Inbox) -> Trial:
    try:
        if what.kills_the_cloud:
            up = Up(folder, inbox, what.plan)
            try:
                return bring_through(up, what, truth)
            finally:
                up.close()
        here.go_wrong(what.plan)
        try:
            return bring_through(here, what, truth)
        finally:
            here.rest()
    except Exception:  # noqa: BLE001 - the seed is to blame, and the others go on
        return Trial(what.seed, what.engine, wrong=[traceback.format_exc()])


def table(trials: Sequence[Trial]) -> str:
    """A line for each kind of fault: how many, in how many runs, and what became of those runs; then all runs."""
    kinds = sorted({kind for trial in trials for kind in trial.faults})
    width = max(map(len, (*kinds, "all of them")), default=0)
    lines = [f"{'':<{width}}  faults   runs  images   lost  duplicated  wrong"]
    for kind in (*kinds, ""):
        of_kind = [trial for trial in trials if not kind or kind in trial.faults]
        faults = sum(trial.faults[kind] if kind else sum(trial.faults.values()) for trial in of_kind)
        images = sum(trial.images for trial in of_kind)
        lost, twice, wrong = (
            sum(len(getattr(trial, name)) for trial in of_kind) for name in ("lost", "duplicated", "wrong")
        )
        row = f"{faults:>8}{len(of_kind):>7}{images:>8}{lost:>7}{twice:>12}{wrong:>7}"
        lines.append(f"{kind or 'all of them':<{width}}{row}")
    ways = Counter(way.partition(" (")[0] for trial in trials for way in trial.ways)
    unbroken = sum(not trial.ways for trial in trials)
    went_on = [f"{count} {way}" for way, count in sorted(ways.items())]
    return "\n".join([*lines, f"{unbroken} runs succeeded at once; of the others, {', '.join(went_on) or 'none'}"])


if __name__ == "__main__":
    sys.exit(main())
