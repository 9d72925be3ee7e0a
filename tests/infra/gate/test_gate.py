"""The gate lets this template through, and stops each of the faults that are planted into a copy of it."""

import copy
import json

import pytest

from infra.gate import definitions, lint, policies, roles, rules, scan
from infra.gate.stack import ARTIFACTS, TEMPLATE, Stack
from tests.infra.gate.planted_faults import FAULTS

IN_PROCESS = {"definitions": definitions, "policies": policies, "roles": roles, "rules": rules}


@pytest.fixture(scope="module")
def stack():
    return Stack.read()


def planted(stack, fault):
    source, texts = copy.deepcopy(dict(stack.source)), dict(stack.definitions)
    fault.plant(source, texts)
    return Stack(source, texts)


def of_check(name):
    return [pytest.param(fault, id=fault.name) for fault in FAULTS if fault.check == name]


@pytest.mark.parametrize("path", [TEMPLATE, ARTIFACTS], ids=lambda path: path.stem)
@pytest.mark.parametrize("name", IN_PROCESS)
def test_each_template_passes(path, name):
    assert [str(finding) for finding in IN_PROCESS[name].check(Stack.read(path))] == []


@pytest.mark.parametrize(
    ("skip", "caught"),
    [
        ([], True),
        ([{"id": "bucket_is_encrypted"}], True),
        ([{"id": "other", "comment": "because"}], True),
        ([{"id": "bucket_is_encrypted", "comment": "because"}], False),
    ],
)
def test_a_rule_is_passed_over_where_the_resource_says_why(skip, caught):
    artifacts = Stack.read(ARTIFACTS)
    artifacts.source["Resources"]["Bucket"]["Metadata"]["guard"]["skip"] = skip
    assert any("bucket_is_encrypted" in str(found) for found in rules.check(artifacts)) is caught


@pytest.mark.parametrize("fault", [each for name in IN_PROCESS for each in of_check(name)])
def test_a_planted_fault_is_caught(stack, fault):
    said = [str(finding) for finding in IN_PROCESS[fault.check].check(planted(stack, fault))]
    assert [text for text in said if fault.said in text], said


@pytest.fixture(scope="module")
def said_by_cfn_lint(stack, tmp_path_factory):
    """What it says of each of its faults, asked once for all of them."""
    return _said(stack, tmp_path_factory.mktemp("lint"), "cfn-lint", lambda paths: lint.files(paths, ["W"]))


@pytest.fixture(scope="module")
def said_by_checkov(stack, tmp_path_factory):
    if not scan.executable().exists():
        pytest.skip("`make check` installs checkov")
    return _said(stack, tmp_path_factory.mktemp("scan"), "checkov", scan.check)


@pytest.mark.parametrize("fault", of_check("cfn-lint"))
def test_cfn_lint_catches_a_planted_fault(said_by_cfn_lint, fault):
    said = said_by_cfn_lint[fault.name]
    assert [text for text in said if fault.said in text], said


@pytest.mark.parametrize("fault", of_check("checkov"))
def test_checkov_catches_a_planted_fault(said_by_checkov, fault):
    said = said_by_checkov[fault.name]
    assert [text for text in said if fault.said in text], said


def _said(stack, folder, check, run):
    """By the name of each fault of a check, what it says of the translated template with that fault."""
    paths = {}
    for number, fault in enumerate(each for each in FAULTS if each.check == check):
        paths[fault.name] = folder / f"fault{number}.json"
        paths[fault.name].write_text(json.dumps(planted(stack, fault).translated, indent=1), encoding="utf-8")
    found = list(run(list(paths.values())))
    return {name: [str(each) for each in found if each.place.startswith(path.name)] for name, path in paths.items()}


def test_there_are_at_least_25_faults_and_each_has_a_name_of_its_own():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS) >= 25
