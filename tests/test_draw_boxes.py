"""The script of the examples that draws boxes: where they lie, and what it says of photos that it cannot draw on."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[1] / "examples" / "draw_boxes.py"
BOX = {"x0": 10.0, "y0": 40.0, "x1": 30.0, "y1": 90.0}


@pytest.fixture(scope="module")
def draw_boxes() -> ModuleType:
    spec = importlib.util.spec_from_file_location("draw_boxes", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(key: str) -> dict[str, object]:
    return {"key": key, "labels": ["cat"], "scores": [0.5], "boxes": [BOX]}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with a black photo of 50 x 100 pixels, stored on its side."""
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (100, 50)).save(tmp_path / "photos" / "side.png", exif=exif)
    return tmp_path / "photos"


def test_boxes_lie_on_the_upright_photo(draw_boxes: ModuleType, photos: Path) -> None:
    drawn = draw_boxes.draw(row("side.png"), photos / "side.png", 1024)

    assert drawn.size == (50, 100)
    on_edges = [(10, 60), (30, 80), (20, 90)]
    assert all(drawn.getpixel(point) != (0, 0, 0) for point in on_edges)
    assert all(drawn.getpixel(point) == (0, 0, 0) for point in [(20, 60), (5, 70), (40, 80), (20, 97)])


def test_a_smaller_picture_has_smaller_boxes(draw_boxes: ModuleType, photos: Path) -> None:
    drawn = draw_boxes.draw(row("side.png"), photos / "side.png", 50)

    assert drawn.size == (25, 50)
    assert drawn.getpixel((5, 40)) != (0, 0, 0) == drawn.getpixel((20, 40))


@pytest.mark.parametrize("key", ["gone.png", "../outside.png", "z" * 252])
def test_a_photo_that_cannot_be_drawn_is_named_and_costs_no_other(
    draw_boxes: ModuleType, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str
) -> None:
    pq.write_table(pa.Table.from_pylist([row(key), row("side.png")]), tmp_path / "predictions.parquet")

    code = draw_boxes.main([str(tmp_path), str(photos), "--to", str(tmp_path / "drawn")])

    assert code == 1
    assert key in capsys.readouterr().err
    assert (tmp_path / "drawn" / "side.png.jpg").is_file()


def test_a_folder_that_holds_no_results_is_wrong_usage(
    draw_boxes: ModuleType, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        draw_boxes.main([str(photos), str(photos)])
    assert "give the folder of a run's results, out/RUN_ID" in capsys.readouterr().err
