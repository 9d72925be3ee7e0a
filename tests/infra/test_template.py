"""The template against the code and the state machine that it deploys."""

import ast
import json
import re

import pytest
import yaml

from pipeline.limits import DEFAULT_LIMITS, Animation, Quarantine
from pipeline.runs.keys import SHARD_TAGS
from pipeline.settings import PlanInferenceSettings, PlanRetrySettings, ReportFailureSettings, StartRunSettings
from pipeline.validation import quarantine

FUNCTION_OF_TASK = {
    "StartRun": "StartRunFunction",
    "ValidateBatch": "ValidateImagesFunction",
    "PlanInference": "PlanInferenceFunction",
    "PlanRetry": "PlanRetryFunction",
    "AggregatePredictions": "AggregatePredictionsFunction",
    "WriteReport": "WriteReportFunction",
}


def environment(function, template):
    """What the function is told where no parameter is given; the names of resources are any text."""
    defaults = {name: str(entry["Default"]) or "given" for name, entry in template["Parameters"].items()}
    variables = function["Environment"]["Variables"]
    return {name: defaults.get(value.get("Ref", ""), "given") for name, value in variables.items()}


@pytest.fixture(scope="module")
def asl_text(template_path):
    return (template_path.parents[1] / "state_machines" / "batch.asl.json").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def machine(of_type):
    return of_type("AWS::StepFunctions::StateMachine")["BatchStateMachine"]


@pytest.fixture(scope="module")
def functions(of_type):
    return of_type("AWS::Lambda::Function")


def tasks(branch):
    for name, state in branch["States"].items():
        if state["Type"] == "Task":
            yield name, state
        elif state["Type"] == "Map":
            yield from tasks(state["ItemProcessor"])


def test_the_state_machine_is_the_rendered_one(machine, template_path):
    rendered = template_path.parents[1] / "state_machines" / "batch.asl.json"
    assert machine["DefinitionS3Location"]["Key"] == str(rendered)


def test_substitutions_are_those_that_the_state_machine_asks_for(machine, asl_text):
    assert set(machine["DefinitionSubstitutions"]) == set(re.findall(r"\$\{(\w+)\}", asl_text))


def test_substitutions_stand_inside_strings_only(asl_text):
    json.loads(asl_text)


def test_every_handler_exists(functions, template_path):
    for properties in functions.values():
        module, _, name = properties["Handler"].rpartition(".")
        # Read and not imported: a step reads its settings when it is imported.
        source = ast.parse((template_path.parents[1] / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        assert name in {node.name for node in source.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize(
    ("function", "settings"),
    [
        ("StartRunFunction", StartRunSettings),
        ("PlanInferenceFunction", PlanInferenceSettings),
        ("PlanRetryFunction", PlanRetrySettings),
        ("ReportFailureFunction", ReportFailureSettings),
    ],
)
def test_a_function_finds_its_settings_in_its_environment(functions, template, function, settings):
    settings.from_env(environment(functions[function], template))


def test_a_stack_limits_its_runs_as_the_code_does_unless_it_is_told_otherwise(functions, template):
    settings = StartRunSettings.from_env(environment(functions["StartRunFunction"], template))
    assert settings.limits == DEFAULT_LIMITS


@pytest.mark.parametrize(("parameter", "values"), [("Animations", set(Animation)), ("Quarantine", set(Quarantine))])
def test_a_parameter_has_the_choices_that_the_code_has(template, parameter, values):
    assert set(template["Parameters"][parameter]["AllowedValues"]) == values


def test_every_variable_of_the_limits_is_set(functions):
    variables = set(functions["StartRunFunction"]["Environment"]["Variables"])
    assert {"ALLOWED_FORMATS", "MAX_PIXELS", "MAX_BYTES", "MIN_SIDE", "ANIMATED", "QUARANTINE"} <= variables


def test_every_function_is_told_how_much_to_log(functions):
    assert [name for name, entry in functions.items() if "LOG_LEVEL" not in entry["Environment"]["Variables"]] == []


def test_a_task_waits_longer_than_its_function_may_run(functions, template, asl_text):
    def longest(timeout):
        return template["Parameters"][timeout["Ref"]]["MaxValue"] if isinstance(timeout, dict) else timeout

    timeouts = {name: state.get("TimeoutSeconds") for name, state in tasks(json.loads(asl_text))}
    too_short = [
        name for name, function in FUNCTION_OF_TASK.items() if timeouts[name] <= longest(functions[function]["Timeout"])
    ]
    assert too_short == []


def test_the_function_that_makes_the_tables_has_the_largest_disk_that_there_is(functions):
    # CreateFunction, `EphemeralStorage`: 512 to 10,240 MB.
    assert functions["AggregatePredictionsFunction"]["EphemeralStorage"] == {"Size": 10_240}


def test_every_function_logs_to_a_group_of_its_own_with_retention(functions, of_type):
    groups = of_type("AWS::Logs::LogGroup")
    for name, properties in functions.items():
        group = groups[properties["LoggingConfig"]["LogGroup"]["Ref"]]
        assert group["LogGroupName"]["Fn::Sub"] == "/aws/lambda/" + properties["FunctionName"]["Fn::Sub"], name
        assert "RetentionInDays" in group, name


def test_every_function_has_a_role_of_its_own(functions):
    roles = [properties["Role"]["Fn::GetAtt"][0] for properties in functions.values()]
    assert len(set(roles)) == len(functions)


def test_the_tag_of_a_shard_is_the_one_that_the_bucket_deletes(of_type):
    rules = of_type("AWS::S3::Bucket")["ResultsBucket"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if "TagFilters" in rule)
    assert {tag["Key"]: tag["Value"] for tag in rule["TagFilters"]} == SHARD_TAGS
    assert "NoncurrentVersionExpiration" in rule


def test_the_folder_of_copies_is_the_one_that_the_bucket_empties(of_type):
    rules = of_type("AWS::S3::Bucket")["ResultsBucket"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if rule["Id"] == "empty-quarantine")
    assert rule["Prefix"] == quarantine.PREFIX
    assert {"ExpirationInDays", "NoncurrentVersionExpiration"} <= set(rule)


def test_all_that_a_laptop_needs_to_know_is_an_output(template):
    assert {"ImagesBucket", "ResultsBucket", "StateMachineArn", "TopicArn"} <= set(template["Outputs"])


def test_no_parameter_has_to_be_given(template):
    assert [name for name, entry in template["Parameters"].items() if "Default" not in entry] == []


def test_every_parameter_is_described(template):
    assert [name for name, entry in template["Parameters"].items() if not entry.get("Description")] == []


def test_there_are_no_aliases_which_cloudformation_does_not_read(template_path):
    tokens = yaml.scan(template_path.read_text(encoding="utf-8"))
    assert not any(isinstance(token, yaml.AliasToken | yaml.AnchorToken) for token in tokens)
