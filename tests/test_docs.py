"""The documents say what is true: options, reasons, states and errors that exist are all written down."""

import argparse
import inspect
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline import cli, errors
from pipeline.images.decode import Reason

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = "\n".join(path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Every command of a parser, and theirs."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield command
                yield from commands(command)


# A line of a block, whatever is made of what the command prints.
TYPED = re.findall(r"^\s*(?:\$ )?(?:\.venv/bin/)?(imagebatch [^\n|`>&]+)", DOCUMENTS, re.MULTILINE)


@pytest.mark.parametrize("typed", sorted({line.strip() for line in TYPED if " COMMAND" not in line}))
def test_a_command_in_the_documents_is_one_that_there_is(typed: str) -> None:
    _, *arguments = shlex.split(typed.replace("$part", "07"), comments=True)
    assert cli.parser().parse_args(arguments).command


def words(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("command", list(commands(cli.parser())), ids=lambda command: command.prog)
def test_every_option_of_a_command_is_documented_with_its_help(command: argparse.ArgumentParser) -> None:
    documented = words(DOCUMENTS)
    options = [action for action in command._actions if not isinstance(action, argparse._SubParsersAction)]
    missing = [
        (name, action.help)
        for action in options
        for name in action.option_strings or [str(action.metavar)]
        if name not in documented or words((action.help or "") % vars(action)) not in documented
    ]
    assert not missing
    assert command.prog in documented


@pytest.mark.parametrize("reason", [reason.value for reason in Reason])
def test_every_reason_for_a_rejection_is_documented(reason: str) -> None:
    assert f"`{reason}`" in DOCUMENTS


@pytest.mark.parametrize("name", [name for name, _ in inspect.getmembers(errors, inspect.isclass)])
def test_every_error_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", DOCUMENTS)


def states(machine: dict[str, object]) -> Iterator[str]:
    for name, state in machine["States"].items():  # type: ignore[attr-defined]
        yield name
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


MACHINES = [json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "state_machines").glob("*.asl.json")]


@pytest.mark.parametrize("name", [name for machine in MACHINES for name in states(machine)])
def test_every_state_of_a_machine_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", DOCUMENTS)


def known_modules() -> dict[str, set[str]]:
    """The modules that docs/architecture.md names, by the package of their row."""
    section = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Where a thing is known")[1]
    rows = re.findall(r"^\| `([a-z/]+)/`.*?\| (.*) \|$", section.split("\n## ")[0], flags=re.MULTILINE)
    return {package: set(re.findall(r"`([a-z_0-9]+\.py)`", text)) for package, text in rows}


def modules(package: str) -> set[str]:
    return {path.name for path in (ROOT / "pipeline" / package).glob("*.py")} - {"__init__.py"}


@pytest.mark.parametrize(
    "package", [path.parent.name for path in (ROOT / "pipeline").glob("*/__init__.py") if path.parent.name != "local"]
)
def test_every_package_is_in_the_table_of_what_knows_what(package: str) -> None:
    assert package in known_modules()


# One command a module, one group of failures a module: their names are told elsewhere.
@pytest.mark.parametrize("package", sorted(known_modules().keys() - {"commands"}))
def test_the_table_of_what_knows_what_names_the_modules_that_are_there(package: str) -> None:
    assert known_modules()[package] - {"cli.py"} == modules(package)


def test_the_table_of_what_knows_what_names_the_modules_beside_the_packages() -> None:
    section = (ROOT / "docs/architecture.md").read_text(encoding="utf-8").split("## Where a thing is known")[1]
    beside = re.search(r"^\| beside them \|.*$", section, flags=re.MULTILINE)
    assert beside
    assert set(re.findall(r"`([a-z_0-9]+\.py)`", beside[0])) == modules("") - {"cli.py"}


def test_every_link_between_the_documents_leads_somewhere() -> None:
    broken = [
        (document.name, target)
        for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8"))
        if not (document.parent / target).exists()
    ]
    assert not broken


def headings(document: Path) -> set[str]:
    """What GitHub calls the headings of a document in links."""
    told = re.sub(r"^```.*?^```", "", document.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.*)$", told, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_link_to_a_heading_leads_to_one() -> None:
    broken = [
        (document.name, target, heading)
        for document in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
        for target, heading in re.findall(r"\]\(((?:[^)#:\s]*\.md)?)#([^)]+)\)", document.read_text(encoding="utf-8"))
        if heading not in headings(document.parent / target if target else document)
    ]
    assert not broken


def test_the_readme_leads_to_every_document() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in (ROOT / "docs").glob("*.md") if f"(docs/{path.name}" not in readme] == []
