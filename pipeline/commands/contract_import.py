"""`imagebatch contract import`: a contract made of Hugging Face's or timm's configuration, and notes on it."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED, EXIT_USAGE

if TYPE_CHECKING:
    from pipeline.contract.importing import Imported
    from pipeline.contract.signature import Signature


def add_to(commands: Any) -> None:
    parser = commands.add_parser(
        "import",
        help="make a contract of what Hugging Face or timm say of a model",
        description="Make a contract of another library's configuration, with a sentence for everything that it assumes"
        " or leaves out. The sentences go to standard error.",
    )
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument(
        "--from-hf",
        type=Path,
        metavar="FILE",
        help="a preprocessor_config.json of Hugging Face; labels and task come from the config.json beside it",
    )
    source.add_argument("--from-timm", type=Path, metavar="FILE", help="a config.json of timm")
    parser.add_argument(
        "--model", type=Path, metavar="ONNX", help="read names, type and layout of the tensors from this model.onnx"
    )
    parser.add_argument("--name", metavar="NAME", help="the model's name (default: what the configuration calls it)")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="write the contract there, and labels.txt beside it where labels are known (default: standard output)",
    )
    parser.set_defaults(command=_import)


def _import(options: argparse.Namespace) -> int:
    from pipeline.contract.importing import CannotImport, complete
    from pipeline.errors import ImageBatchError

    if options.out is not None and options.out.exists():
        print(f"imagebatch: {options.out} exists already. Remove it, or name another file.", file=sys.stderr)
        return EXIT_USAGE
    try:
        signature = _signature(options.model) if options.model else None
        imported = complete(_recipe(options), signature, options.name, with_labels=options.out is not None)
        written = _write(imported, options.out)
    except (CannotImport, ImageBatchError, OSError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_FAILED
    for sentence in (*imported.notes, *written):
        print(sentence, file=sys.stderr)
    return 0


def _recipe(options: argparse.Namespace) -> Any:
    from pipeline.contract.importing import from_hf, from_timm

    if options.from_timm:
        return from_timm(_document(options.from_timm), source=str(options.from_timm))
    beside = options.from_hf.with_name("config.json")
    config = _document(beside) if beside.is_file() and beside != options.from_hf else None
    return from_hf(_document(options.from_hf), config, source=str(options.from_hf))


def _document(path: Path) -> Any:
    from pipeline.contract.reader import parse_json

    return parse_json(path.read_bytes(), source=str(path))


def _signature(model: Path) -> "Signature":
    from pipeline.contract.onnx_file import read_model

    with model.open("rb") as file:

        def read_at(offset: int, length: int) -> bytes:
            file.seek(offset)
            return file.read(length)

        return read_model(read_at, model.stat().st_size, source=str(model)).signature


def _write(imported: "Imported", out: Path | None) -> list[str]:
    """Writes what was imported; sentences about what was written where."""
    from pipeline.contract.importing.recipe import LABELS_FILE
    from pipeline.contract.text import to_text

    text = to_text(imported.contract)
    if out is None:
        print(text, end="")
        return []
    out.parent.mkdir(parents=True, exist_ok=True)
    sentences = []
    if imported.labels:
        labels = out.with_name(LABELS_FILE)
        try:
            with labels.open("x", encoding="utf-8", newline="\n") as file:
                file.write("".join(f"{label}\n" for label in imported.labels))
            sentences.append(f"written: {labels}, {len(imported.labels)} labels.")
        except FileExistsError:
            sentences.append(
                f"kept: {labels} exists already; the configuration's {len(imported.labels)} labels are not used."
            )
    with out.open("x", encoding="utf-8") as file:
        file.write(text)
    return [*sentences, f"written: {out}. `imagebatch contract check` holds it to the model."]
