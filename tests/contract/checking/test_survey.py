"""Which neighbour does better is found on photos: with a model of our own for the rules, with the example for real."""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.contract import Activation, Anchor, Colour, Exif, Letterbox, ModelContract, Numbers, Task
from pipeline.contract.checking.evidence import Tally, Verdict
from pipeline.contract.checking.findings import Outcome
from pipeline.contract.checking.photo_folder import find_photos, label_of, read_labels
from pipeline.contract.checking.photo_set import load_photos
from pipeline.contract.checking.survey import Survey, judge, survey
from pipeline.contract.checking.survey_findings import photo_findings, survey_findings
from pipeline.contract.checking.trials import Trial, Trials
from pipeline.contract.packages import load_package
from pipeline.contract.signature import Signature, TensorType
from pipeline.inference.runtimes.onnx import OnnxRuntime

ROOT = Path(__file__).parents[3]
FIXED = Signature((TensorType("input", "float32", ("n", 3, 8, 8)),), (TensorType("logits", "float32", ("n", 12)),))
RAW = Numbers(1.0, (0.0,) * 3, (1.0,) * 3)


class Colours:
    """A model that was trained on 0..1, and is blind beyond: twelve classes, one for each quarter and channel."""

    batch_size = 4

    def run(self, tensor: Any) -> Any:
        seen = ((tensor > -0.1) & (tensor < 1.1)).mean(axis=(1, 2, 3)) > 0.9
        quarters = tensor.reshape(len(tensor), 3, 2, 4, 2, 4).mean(axis=(3, 5)).reshape(len(tensor), 12)
        return np.where(seen[:, None], 16 * quarters - 8, 1).astype(np.float32)


class Shifted(Colours):
    """The same, trained on -1..1."""

    def run(self, tensor: Any) -> Any:
        return super().run((tensor + 1) / 2)


@pytest.fixture
def declared(contract: ModelContract) -> ModelContract:
    return replace(contract, numbers=Numbers(1 / 255, (0.0,) * 3, (1.0,) * 3))


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Twelve wide pictures of coloured blotches."""
    random = np.random.default_rng(0)
    for number in range(12):
        blotches = Image.fromarray(random.integers(0, 256, (2, 4, 3), np.uint8))
        blotches.resize((96, 48), Image.Resampling.NEAREST).save(tmp_path / f"{number:02}.png")
    return sorted(tmp_path.iterdir())


def look(contract: ModelContract, photos: Sequence[Path], labels: dict[Path, int] | None = None) -> Survey:
    return survey(Colours(), FIXED, contract, load_photos(photos, contract, labels or {}))


def own_labels(contract: ModelContract, photos: Sequence[Path]) -> dict[Path, int]:
    """What the model finds on the photos when it is fed rightly."""
    found = Trials(Colours(), load_photos(photos, contract, {}), contract).run(contract, with_views=False)
    return dict(zip(photos, found.answers.argmax(axis=1).tolist(), strict=True))


def verdicts(found: Survey) -> dict[str, Verdict | None]:
    return {row.name: row.verdict for row in found.rows}


def sentences(found: Survey, contract: ModelContract) -> list[str]:
    return [each.sentence for each in survey_findings(found, contract)]


def test_on_the_right_contract_nothing_looks_better(declared: ModelContract, photos: list[Path]) -> None:
    found = look(declared, photos)
    assert found.advice == ()
    outcomes = {each.outcome for each in survey_findings(found, declared)}
    assert outcomes == {Outcome.OK, Outcome.NOTE}


def test_without_labels_a_wrong_scale_is_pointed_at(declared: ModelContract, photos: list[Path]) -> None:
    found = look(replace(declared, numbers=RAW), photos)
    assert [each.name for each in found.advice][:1] == ["0..1"]
    first = sentences(found, declared)[0]
    assert first.startswith("0..1 looks better than what is declared: recognition -")
    assert first.endswith("Set numbers to scale 0.00392157, mean 0, std 1.")


def test_without_labels_nothing_is_concluded_of_what_shapes_pixels(declared: ModelContract, photos: list[Path]) -> None:
    found = look(declared, photos)
    assert verdicts(found)["letterbox"] is None
    assert any("without labels (--labels) nothing can be said of" in each for each in sentences(found, declared))


def test_with_labels_a_wrong_resize_is_pointed_at(declared: ModelContract, photos: list[Path]) -> None:
    letterbox = Letterbox((114, 114, 114), Anchor.CENTRE, declared.pixels.resize.interpolation)
    wrong = replace(declared, pixels=replace(declared.pixels, resize=letterbox))
    found = look(wrong, photos, own_labels(declared, photos))
    assert [each.name for each in found.advice] == ["squash"]
    assert sentences(found, wrong)[0].startswith(
        "squash looks better than what is declared: accuracy 1.00 instead of 1.00, labels are given 0."
    )


def test_what_does_as_well_as_the_best_is_named_beside_it(declared: ModelContract, photos: list[Path]) -> None:
    """(x - 127) / 128 and -1..1 differ by less than a hundredth: nothing tells them apart."""
    shifted = Numbers(1 / 127.5, (1.0,) * 3, (1.0,) * 3)
    model = Shifted()
    found = survey(model, FIXED, replace(declared, numbers=RAW), load_photos(photos, declared, {}))
    assert shifted in {found.advice[0].contract.numbers, *(each.contract.numbers for each in found.equals)}
    assert len(found.equals) == 1
    assert any("may do as well as" in each for each in sentences(found, declared))


def test_two_things_that_are_wrong_are_both_pointed_at(declared: ModelContract, photos: list[Path]) -> None:
    labels = own_labels(declared, photos)
    wrong = replace(declared, numbers=RAW, input=replace(declared.input, colour=Colour.BGR))
    found = look(wrong, photos, labels)
    assert {each.name for each in found.advice} == {"0..1", "RGB"}
    assert found.advice[-1].contract == declared
    assert "with that changed, " in " ".join(sentences(found, wrong))


def labelled(right: int, of: int, likelihood: Callable[[Any], Any]) -> Trial:
    """A trial of so many photos, of which so many are right."""
    each = np.arange(of)
    return Trial(np.zeros((of, 2)), None, likelihood(each), likelihood(each), (each < right).astype(float))


@pytest.mark.parametrize(
    ("of", "challenger", "declared", "verdict"),
    [
        (20, 20, 15, Verdict.PERHAPS_BETTER),
        (20, 15, 20, Verdict.PERHAPS_WORSE),
        (20, 20, 18, Verdict.UNDECIDED),
        (4, 4, 0, Verdict.UNDECIDED),
    ],
    ids=["five more", "five fewer", "two more", "too few photos"],
)
def test_labels_that_prove_nothing_may_still_lean_to_one_side(
    of: int, challenger: int, declared: int, verdict: Verdict
) -> None:
    assert judge(labelled(challenger, of, np.sin), labelled(declared, of, np.cos)) is verdict


def test_what_is_sure_is_not_softened() -> None:
    ours = labelled(20, 20, lambda each: 0.01 * np.cos(each))
    theirs = labelled(9, 20, lambda each: 0.01 * each - 1)
    assert judge(ours, theirs) is Verdict.BETTER


def test_what_few_photos_lean_to_is_a_note_with_its_odds(declared: ModelContract, photos: list[Path]) -> None:
    found = look(declared, photos)
    rows = [
        replace(row, verdict=Verdict.PERHAPS_BETTER, tally=Tally(5, 0)) if row.name == "letterbox" else row
        for row in found.rows
    ]
    hint, nothing_sure, *_ = survey_findings(replace(found, rows=tuple(rows)), declared)
    assert hint.outcome is Outcome.NOTE
    assert hint.sentence == (
        "letterbox looks better, 63 : 1 on 12 different photos: 5 are right with it only, 0 as declared only. Set"
        " pixels.resize to letterbox with fill [114, 114, 114] if more photos, or the code that trained the model, say"
        " so."
    )
    assert "is sure to do better than what is declared" in nothing_sure.sentence


def test_shots_of_one_scene_count_once(declared: ModelContract, photos: list[Path]) -> None:
    for path in photos[:3]:
        shutil.copy(path, path.with_name(f"copy of {path.name}"))
    every = sorted(photos[0].parent.iterdir())
    found = load_photos(every, declared, {})
    assert (len(found.paths), len(found.canvases)) == (15, 12)


def test_few_photos_conclude_nothing(declared: ModelContract, photos: list[Path]) -> None:
    found = look(replace(declared, numbers=RAW), photos[:3])
    assert found.advice == ()
    assert verdicts(found)["0..1"] is Verdict.UNDECIDED
    assert any("give at least 5" in each.sentence for each in photo_findings(found.photos))


def test_no_photo_at_all_concludes_nothing(declared: ModelContract) -> None:
    assert list(photo_findings(load_photos([], declared, {})))


def test_what_does_not_decode_is_left_out_and_named(declared: ModelContract, photos: list[Path]) -> None:
    notes = photos[0].with_name("notes.txt")
    notes.write_text("no photo")
    found = load_photos([*photos, notes], declared, {})
    assert (len(found.paths), [path for path, _ in found.rejected]) == (12, [notes])
    assert any("notes.txt (not_an_image): left out" in each.sentence for each in photo_findings(found))


def test_turned_photos_are_spoken_of_where_exif_is_ignored(declared: ModelContract, photos: list[Path]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(photos[0]) as image:
        image.save(photos[0], exif=exif)
    ignoring = replace(declared, pixels=replace(declared.pixels, exif=Exif.IGNORE))
    found = look(ignoring, photos, own_labels(declared, photos))
    assert found.turned == 1
    (turned,) = (each for each in sentences(found, ignoring) if "1 of 12 photos carry an EXIF orientation" in each)
    assert "With it applied: accuracy 1.00 instead of 0." in turned
    assert not any("EXIF orientation" in each for each in sentences(found, declared))


def test_exif_that_turns_no_photo_is_not_spoken_of(declared: ModelContract, photos: list[Path]) -> None:
    ignoring = replace(declared, pixels=replace(declared.pixels, exif=Exif.IGNORE))
    assert not any("carry an EXIF orientation" in each for each in sentences(look(ignoring, photos), ignoring))


def test_vectors_are_compared_by_their_direction(declared: ModelContract, photos: list[Path]) -> None:
    output = replace(declared.output, activation=Activation.NONE, labels=None)
    embedding = replace(declared, task=Task.EMBEDDING, output=output, numbers=RAW)
    found = look(embedding, photos)
    assert [each.name for each in found.advice][:1] == ["0..1"]
    assert {row.confidence for row in found.rows} == {None}
    assert any("has no classes that could be right or wrong" in each for each in sentences(found, embedding))


@pytest.fixture(scope="module")
def example() -> Any:
    return load_package(ROOT / "examples/models/efficientnet-lite0")


def of_the_example(
    example: Any, change: Callable[[ModelContract], ModelContract], labels: Path | None = None
) -> Survey:
    contract = change(example.contract)
    folder = ROOT / "examples/photos"
    paths = find_photos(folder, 100)
    named = read_labels(labels, example.labels) if labels else {}
    known = {path: label for path in paths if (label := label_of(path, folder, named)) is not None}
    runtime = OnnxRuntime(replace(example, contract=contract))
    return survey(runtime, FIXED, contract, load_photos(paths, contract, known))


def scaled(scale: float, mean: tuple[float, ...], std: tuple[float, ...]) -> Callable[[ModelContract], ModelContract]:
    return lambda contract: replace(contract, numbers=Numbers(scale, mean, std))


@pytest.mark.parametrize(
    ("mistake", "advice"),
    [
        (lambda contract: contract, None),
        (scaled(1 / 255, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), "numbers"),
        (lambda contract: replace(contract, input=replace(contract.input, colour=Colour.BGR)), "input.colour to RGB"),
    ],
    ids=["none", "ImageNet mean and std", "BGR"],
)
def test_on_eleven_photos_without_labels_the_examples_numbers_are_found(
    example: Any, mistake: Callable[[ModelContract], ModelContract], advice: str | None
) -> None:
    found = of_the_example(example, mistake)
    if advice is None:
        assert found.advice == ()
    elif advice == "numbers":
        # Which of two that differ by less than a hundredth is right, nothing can tell.
        assert {found.advice[0].name, *(each.name for each in found.equals)} >= {"(x - 127) / 128", "-1..1"}
    else:
        assert [each.fix for each in found.advice] == [advice]
