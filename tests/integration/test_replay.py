"""What a run rejected and somebody fixed is run again, and nothing else: on this machine, and as in AWS."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "examples" / "photos" / "garden" / "daisy.jpg"
WHOLE = PHOTO.read_bytes()
HALF = WHOLE[: len(WHOLE) // 2]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos, three of them truncated and one no image at all."""
    folder = tmp_path_factory.mktemp("photos")
    for name, body in {
        "good.jpg": WHOLE,
        "half +1.jpg": HALF,
        "half 2.jpg": HALF,
        "half 3.jpg": HALF,
        "notes.txt": b"no image",
    }.items():
        (folder / name).write_bytes(body)
    return folder


@pytest.fixture(scope="module")
def first(imagebatch: Callable[..., Any], folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run over the folder as it is; since then, a photo and the text are fixed, and a photo is gone."""
    finished = imagebatch("run", folder, "--out", tmp_path_factory.mktemp("out"), "--top-k", 2, "--json")
    assert finished.report["summary"]["counts"]["rejected"] == 4
    (folder / "half +1.jpg").write_bytes(WHOLE)
    (folder / "notes.txt").write_bytes(WHOLE)
    (folder / "half 3.jpg").unlink()
    return finished


@pytest.fixture(scope="module")
def replayed(imagebatch: Callable[..., Any], first: Any) -> Any:
    out, run_id = first.results.parent, first.report["run_id"]
    return imagebatch("replay", run_id, "--reason", "truncated", "--out", out, "--json")


def test_exactly_the_image_that_was_fixed_is_predicted(replayed: Any) -> None:
    assert replayed.code == 0, replayed.stderr
    report = replayed.report
    assert {name: report[name] for name in ("fixed", "same", "gone", "refused")} == {
        "fixed": 1,
        "same": 1,
        "gone": 1,
        "refused": 0,
    }
    assert report["run"]["summary"]["counts"]["listed"] == 1
    assert report["run"]["summary"]["top_labels"][0]["label"] == "daisy"


def test_a_replay_says_which_run_it_replays(first: Any, replayed: Any) -> None:
    assert replayed.report["run"]["summary"]["replays"] == first.report["run_id"]


def test_a_replay_has_the_options_of_the_run_it_replays(replayed: Any) -> None:
    remembered = json.loads((Path(replayed.report["run"]["results"]) / "request.json").read_text())
    assert remembered["top_k"] == 2


def test_without_a_reason_everything_that_was_fixed_is_run(imagebatch: Callable[..., Any], first: Any) -> None:
    finished = imagebatch("replay", first.results, "--out", first.results.parent)
    assert finished.code == 0, finished.stderr
    assert "2 fixed since, 1 still the same, 1 gone" in finished.stdout
    assert "2 images predicted" in finished.stdout


def test_where_nothing_is_fixed_there_is_no_run_and_no_failure(imagebatch: Callable[..., Any], first: Any) -> None:
    before = set(first.results.parent.iterdir())
    finished = imagebatch("replay", first.report["run_id"], "--reason", "corrupt", "--out", first.results.parent)
    assert finished.code == 0, finished.stderr
    assert "nothing to replay" in finished.stdout
    assert set(first.results.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["no-such-run"], "There is no run 'no-such-run'"),
        (["RUN", "--reason", "sad"], "There is no reason 'sad'"),
        (["broken"], "is no rejected.csv of a run"),
        (["unremembered"], "has no request.json"),
        (["RUN", "--profile", "work"], "--profile and --region go with --stack"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_a_sentence(
    imagebatch: Callable[..., Any], first: Any, tmp_path: Path, arguments: list[str], said: str
) -> None:
    shutil.copytree(first.results, tmp_path / first.report["run_id"])
    shutil.copytree(first.results, tmp_path / "broken")
    (tmp_path / "broken" / "rejected.csv").write_text("a,b\n")
    (tmp_path / "unremembered").mkdir()
    given = [first.report["run_id"] if argument == "RUN" else argument for argument in arguments]
    finished = imagebatch("replay", *given, "--out", tmp_path)
    assert finished.code == 2
    assert said in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_run_of_a_stack_is_replayed_by_its_own_state_machine(
    deployed: Callable[..., Any], imagebatch: Callable[..., Any]
) -> None:
    deployment = deployed()
    fixed = 'incoming/%2F+ "fixed"\n\u2028\U0001f408.jpg'
    deployment.put({fixed: HALF, "incoming/same.jpg": HALF})
    ended = deployment.run(prefixes=["incoming/"], limits={"min_side": 2}, quarantine="leave")
    deployment.put({fixed: WHOLE})
    run_id = json.loads(ended.description["output"])["summary"]["run_id"]
    command = ("replay", run_id, "--reason", "truncated", "--stack", "imagebatch")

    said = imagebatch(*command, "--json", **deployment.cloud.environment()).report

    replay = deployment.wait(said["execution"])
    assert (said["fixed"], said["same"]) == (1, 1)
    assert set(replay.predicted) == {fixed}
    given = json.loads(replay.description["input"])
    assert (given["limits"]["min_side"], given["quarantine"], given["replays"]) == (2, "leave", run_id)
    again = imagebatch(*command, **deployment.cloud.environment())
    assert (again.code, again.stderr) == (0, "Looking at 2 rejected images\n")
    assert again.stdout.endswith(f"0 gone.\nStarted before: {said['execution']}\n")
