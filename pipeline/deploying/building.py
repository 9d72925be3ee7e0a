"""The build folders: for each bundle its packages, and the parts of this product that functions import.

    <out>/images/numpy/...  PIL/...  pipeline/...  steps/...

The SAM CLI has functions built by the Makefile (`build-<LogicalId>`), which calls this module for one of them:

    python -m pipeline.deploying.building --function StartRunFunction --out "$ARTIFACTS_DIR"
"""

import argparse
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from pipeline.deploying.bundles import BUNDLES, NOT_IN_FUNCTIONS, OWN, functions_of
from pipeline.deploying.errors import DeployError
from pipeline.deploying.templates import load
from pipeline.deploying.wheels import Packages, Wheels, link

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "infra" / "template.yaml"
CACHE = ROOT / "build" / "wheels"
_KINDS = (".py", ".json", ".html", ".css", ".js")


def build(bundle: str, packages: Packages, out: Path) -> None:
    """Fill `out`, which is emptied first, with what the functions of a bundle need."""
    shutil.rmtree(out, ignore_errors=True)
    for package in BUNDLES[bundle]:
        # Hard links: several bundles with numpy take its room once.
        shutil.copytree(packages.folder(package), out, dirs_exist_ok=True, copy_function=link)
    for path in own_files():
        target = out / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)


def own_files() -> Iterator[Path]:
    """The files of this product that functions have, relative to its root, in order."""
    for folder in OWN:
        for path in sorted((ROOT / folder).rglob("*")):
            relative = path.relative_to(ROOT)
            if path.suffix in _KINDS and not relative.as_posix().startswith(tuple(f"{p}/" for p in NOT_IN_FUNCTIONS)):
                yield relative


def main(arguments: Iterable[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline.deploying.building", description="Build one function.")
    parser.add_argument("--function", required=True, help="the function's logical id in infra/template.yaml")
    parser.add_argument("--out", type=Path, required=True, help="the folder to fill")
    options = parser.parse_args(None if arguments is None else list(arguments))
    bundles = dict(functions_of(load(TEMPLATE)))
    if options.function not in bundles:
        parser.error(f"there is no function {options.function}; there are {', '.join(bundles)}")
    try:
        build(bundles[options.function], Wheels(CACHE), options.out)
        # The SAM CLI makes a new version of a function for new code alone, and its variables belong to a version: so
        # that changed parameters count, each build is new.
        (options.out / "BUILT").write_text(datetime.now(UTC).isoformat() + "\n", encoding="utf-8")
    except (DeployError, OSError) as error:
        print(f"imagebatch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
