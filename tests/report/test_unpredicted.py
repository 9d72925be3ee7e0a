"""Which rejected and failed images a report names, and which have a picture."""

from pathlib import Path

import pytest

from pipeline.report import unpredicted
from pipeline.report.content import MOST_REJECTED
from pipeline.results import tables
from pipeline.runs import keys
from pipeline.runs.files import CopiedFiles
from pipeline.validation.previews import MOST_OF_A_REASON, Preview, dump
from pipeline.validation.verdicts import Rejected


def write_rejected(folder: Path, reasons: dict[str, int]) -> None:
    with (folder / keys.REJECTED).open("wb") as file:
        table = tables.CsvTable(file, tables.REJECTED_COLUMNS)
        for reason, count in reasons.items():
            table.add_rejected(Rejected("b", f"{reason}/{number}", "e", 1, reason, "why") for number in range(count))
        table.close()


def write_previews(folder: Path, reasons: dict[str, int], size: int = 100) -> None:
    (folder / "previews").mkdir()
    for reason, count in reasons.items():
        found = [Preview("b", f"{reason}/{number}", reason, bytes(size)) for number in range(count)]
        for start in range(0, count, MOST_OF_A_REASON):
            name = f"{reason}-{start:05}.jsonl"
            (folder / "previews" / name).write_bytes(dump(found[start : start + MOST_OF_A_REASON]))


def test_images_with_a_picture_come_before_the_others_of_their_reason(tmp_path: Path) -> None:
    write_rejected(tmp_path, {"truncated": 5})
    found = unpredicted.rejected(CopiedFiles(tmp_path), {"s3://b/truncated/3": b"picture"})
    assert [image.key for image in found] == [f"truncated/{number}" for number in (3, 0, 1, 2, 4)]
    assert [image.thumbnail for image in found] == [b"picture", None, None, None, None]


def test_no_reason_pushes_out_another(tmp_path: Path) -> None:
    write_rejected(tmp_path, {"truncated": 3 * MOST_REJECTED, "corrupt": 7})
    reasons = [image.reason for image in unpredicted.rejected(CopiedFiles(tmp_path), {})]
    assert (reasons.count("corrupt"), reasons.count("truncated")) == (7, MOST_REJECTED - 7)


@pytest.mark.parametrize("size", [1_000, 30_000])
def test_pictures_are_so_many_as_a_page_has_room_for(tmp_path: Path, size: int) -> None:
    write_previews(tmp_path, {"corrupt": 400, "truncated": 3}, size)
    found = unpredicted.read_previews(CopiedFiles(tmp_path))
    assert 0 < sum(map(len, found.values())) <= 1_000_000
    assert len(found) == (153 if size == 1_000 else 33)


def test_a_run_without_pictures_has_none(tmp_path: Path) -> None:
    assert unpredicted.read_previews(CopiedFiles(tmp_path)) == {}
