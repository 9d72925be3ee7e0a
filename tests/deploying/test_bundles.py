"""Each function has the packages that it imports, and no others."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.deploying.building import ROOT, TEMPLATE, own_files
from pipeline.deploying.bundles import BUNDLES, SERVICES, STEPS, functions_of, is_left_out
from pipeline.deploying.templates import load

# What a package of a lock is called when it is imported, where that is another name.
IMPORTED_AS = {
    "aws-lambda-powertools": "aws_lambda_powertools",
    "pillow": "PIL",
    "python-dateutil": "dateutil",
    "importlib-metadata": "importlib_metadata",
    "typing-extensions": "typing_extensions",
}
# What no module of ours imports, and a package that one imports does.
NEEDED_BY_OTHERS = {
    *("dateutil", "importlib_metadata", "jmespath", "s3transfer", "six", "typing_extensions", "urllib3", "zipp"),
}


def imported(path: Path) -> Iterator[str]:
    """What a file imports when it runs, anywhere in it: not what type checkers alone see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_checkers = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }
    for node in ast.walk(tree):
        if node in for_checkers:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(module: str) -> tuple[set[Path], set[str]]:
    """The files of this product behind a module, and the other packages that they import."""
    files: set[Path] = set()
    others: set[str] = set()
    waiting, seen = [module], set()
    while waiting:
        parts = waiting.pop().split(".")
        for length in range(1, len(parts) + 1):
            base = ROOT.joinpath(*parts[:length])
            module_file = base.with_suffix(".py")
            path = module_file if module_file.exists() else base / "__init__.py"
            if not path.exists():
                if length == 1 and parts[0] not in sys.stdlib_module_names:
                    others.add(parts[0])
                break
            if path not in seen:
                seen.add(path)
                files.add(path.relative_to(ROOT))
                waiting.extend(imported(path))
    return files, others


@pytest.mark.parametrize("step", STEPS)
def test_a_bundle_has_the_packages_that_its_functions_import(step: str) -> None:
    _, imports = reached(f"steps.{step}")
    bundled = {IMPORTED_AS.get(package, package) for package in BUNDLES[STEPS[step]]}
    # One bundle serves several functions: numpy may be for another of them.
    assert imports <= bundled
    assert bundled - NEEDED_BY_OTHERS == set().union(
        *(reached(f"steps.{other}")[1] for other, bundle in STEPS.items() if bundle == STEPS[step])
    )


def called(path: Path) -> Iterator[str]:
    """The services whose clients a file makes: `client("s3")`, whosever function `client` is."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        service = node.args[0]
        if name in ("client", "_client") and isinstance(service, ast.Constant):
            yield str(service.value)


def test_functions_have_botocore_s_description_of_the_services_that_they_call_and_of_no_others() -> None:
    files = {path for step in STEPS for path in reached(f"steps.{step}")[0]}
    assert {service for path in files for service in called(ROOT / path)} == set(SERVICES)


@pytest.mark.parametrize("step", STEPS)
def test_every_module_that_a_function_reaches_is_in_its_folder(step: str) -> None:
    files, _ = reached(f"steps.{step}")
    assert files <= set(own_files())


def test_every_function_of_the_template_has_a_bundle() -> None:
    assert {bundle for _, bundle in functions_of(load(TEMPLATE))} == set(BUNDLES)


@pytest.mark.parametrize(
    ("package", "path"),
    [
        ("numpy", "numpy/_core/tests/test_dtype.py"),
        ("botocore", "botocore/data/ec2/2016-11-15/service-2.json.gz"),
        ("pyarrow", "pyarrow/libarrow_flight.so.2600"),
        ("pyarrow", "pyarrow/libarrow_python.so.2600.1.0"),
        ("jmespath", "jmespath-1.1.0.data/scripts/jp.py"),
    ],
)
def test_what_functions_do_not_load_is_left_out(package: str, path: str) -> None:
    assert is_left_out(package, path)


@pytest.mark.parametrize(
    ("package", "path"),
    [
        ("botocore", "botocore/data/endpoints.json"),
        ("botocore", "botocore/data/s3/2006-03-01/service-2.json.gz"),
        ("pyarrow", "pyarrow/libarrow_python.so.2600"),
        ("numpy", "numpy-2.5.5.dist-info/METADATA"),
    ],
)
def test_what_they_load_is_not(package: str, path: str) -> None:
    assert not is_left_out(package, path)
