"""`imagebatch model package`: a model package as the model.tar.gz that SageMaker loads."""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands import EXIT_FAILED

if TYPE_CHECKING:
    from pipeline.contract.packages import ModelPackage


def add_to(commands: Any) -> None:
    model = commands.add_parser(
        "model",
        help="pack a model for SageMaker",
        description="Model packages: contract.json, a model, and labels.",
    )
    subcommands = model.add_subparsers(title="commands", required=True, metavar="COMMAND")
    package = subcommands.add_parser(
        "package",
        help="make the model.tar.gz of a package",
        description="Check a model package, and pack it into the archive that SageMaker loads. The same files give the"
        " same bytes.",
    )
    package.add_argument("folder", type=Path, metavar="DIR", help="the model package to pack")
    package.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("model.tar.gz"), help="the archive to write, model.tar.gz"
    )
    package.set_defaults(command=_package)


def _package(options: argparse.Namespace) -> int:
    from pipeline.contract.model_signature import folder_signature
    from pipeline.contract.packages import load_package
    from pipeline.contract.signature import check_signature
    from pipeline.errors import ImageBatchError

    try:
        package = load_package(options.folder)
        signature = folder_signature(package.folder, package.model)
        if signature is not None:
            check_signature(signature, package.contract, len(package.labels) or None)
        size, digest = _write(package, options.out)
    except (ImageBatchError, OSError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return EXIT_FAILED
    contract = package.contract
    print(f"{options.out}: {package.model}, contract {contract.digest} ({contract.name}, {contract.task})")
    print(f"{size:,} bytes, sha256 {digest}")
    return 0


def _write(package: "ModelPackage", out: Path) -> tuple[int, str]:
    """Bytes and SHA-256 of the archive, which appears under its name whole or not at all."""
    import hashlib
    import tempfile

    from pipeline.contract.packages import ARCHIVE_SUFFIX, pack

    with tempfile.TemporaryDirectory(dir=out.parent, prefix=".") as folder:
        archive = Path(folder) / f"model{ARCHIVE_SUFFIX}"
        with archive.open("w+b") as file:
            pack(package, file)
            file.seek(0)
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            size = archive.stat().st_size
        archive.replace(out)
    return size, digest
