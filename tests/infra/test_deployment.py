"""infra/template.yaml in a local cloud."""

import json

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import TemplateError, deploy


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stack(cloud, template_path):
    return deploy(cloud, template_path, {"DefaultModel": "tiny", "ContainerImageUri": "image"}, "deployed")


def test_every_function_is_there_with_its_handler(cloud, stack):
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=stack.resources["StartRunFunction"])
    assert configuration["Handler"] == "steps.start_run.handler"
    assert configuration["Environment"]["Variables"]["RESULTS_BUCKET"] == stack.outputs["ResultsBucket"]
    assert configuration["Environment"]["Variables"]["DEFAULT_MODEL"] == "tiny"


def test_the_state_machine_names_the_resources_of_its_stack(cloud, stack):
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=stack.outputs["StateMachineArn"])
    definition = json.loads(described["definition"])
    assert definition["States"]["Notify"]["Parameters"]["TopicArn"] == stack.outputs["TopicArn"]
    assert "${" not in described["definition"]


def test_the_image_of_a_job_is_the_given_one(cloud, stack):
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=stack.outputs["StateMachineArn"])
    assert '"ImageUri": "image"' in described["definition"]


def test_nothing_is_ignored_but_what_means_nothing_on_one_machine(stack):
    properties = {entry.partition(": ")[0] for entry in stack.ignored if "." in entry.partition(": ")[0]}
    # No container is built here: a repository is a name for the sources.
    assert {name for name in properties if not name.startswith("AWS::ECR::Repository.")} == {
        "AWS::Athena::WorkGroup.RecursiveDeleteOption",
        "AWS::DynamoDB::Table.SSESpecification",
        "AWS::KMS::Key.PendingWindowInDays",
        "AWS::Lambda::Function.Architectures",
        "AWS::Lambda::Function.TracingConfig",
        "AWS::StepFunctions::StateMachine.LoggingConfiguration",
        "AWS::StepFunctions::StateMachine.TracingConfiguration",
        "AWS::StepFunctions::StateMachineVersion.StateMachineRevisionId",
    }


def test_there_is_no_model_until_its_data_are_named(stack):
    assert "Model" not in stack.resources


def test_what_validation_may_is_set_by_parameters(cloud, template_path):
    given = {"Quarantine": "tag", "ValidateTimeout": "3", "Decoders": "more:formats", "AllowedFormats": "JPEG,PNG"}
    stack = deploy(cloud, template_path, given, "validation")

    def configuration(function):
        return cloud.client("lambda").get_function_configuration(FunctionName=stack.resources[function])

    validate = configuration("ValidateImagesFunction")
    assert (validate["Timeout"], validate["Environment"]["Variables"]["DECODERS"]) == (3, "more:formats")
    variables = configuration("StartRunFunction")["Environment"]["Variables"]
    assert (variables["QUARANTINE"], variables["ALLOWED_FORMATS"], variables["MAX_PIXELS"]) == (
        "tag",
        "JPEG,PNG",
        "50000000",
    )
    assert "TaggingPolicy" in stack.resources


def test_nobody_may_tag_images_unless_that_is_asked_for(stack):
    assert "TaggingPolicy" not in stack.resources


def test_a_model_is_made_of_the_data_that_are_named(cloud, template_path):
    given = {"ModelDataUrl": "s3://models/model.tar.gz", "ContainerImageUri": "image", "NotificationEmail": "a@b.test"}
    stack = deploy(cloud, template_path, given, "with-model")
    assert stack.resources["Model"].startswith("arn:aws:sagemaker:")
    (model,) = cloud.client("sagemaker").list_models()["Models"]
    described = cloud.client("sagemaker").describe_model(ModelName=model["ModelName"])
    assert described["PrimaryContainer"]["ModelDataUrl"] == "s3://models/model.tar.gz"
    machine = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=stack.outputs["StateMachineArn"])
    assert f'"ModelName": "{model["ModelName"]}"' in machine["definition"]


@pytest.mark.parametrize(("data", "model"), [("", ""), ("s3://models/tiny.tar.gz", "tiny")])
def test_start_run_knows_which_package_a_transform_job_would_run(cloud, template_path, data, model):
    given = {"ModelDataUrl": data, "DefaultModel": "tiny"}
    stack = deploy(cloud, template_path, given, f"transform-{bool(data)}".lower())
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=stack.resources["StartRunFunction"])
    assert configuration["Environment"]["Variables"]["TRANSFORM_MODEL"] == model


def test_a_subscription_is_made_for_the_given_address(cloud, template_path):
    stack = deploy(cloud, template_path, {"NotificationEmail": "a@b.test"}, "with-mail")
    (subscription,) = cloud.client("sns").list_subscriptions_by_topic(TopicArn=stack.outputs["TopicArn"])[
        "Subscriptions"
    ]
    assert subscription["Endpoint"] == "a@b.test"


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("InstanceType", "c7i.xlarge"), ("TransformInstanceType", "g4dn"), ("JobNamePrefix", "ImageBatch")],
)
def test_a_parameter_that_breaks_its_pattern_is_refused(cloud, template_path, parameter, value):
    with pytest.raises(TemplateError, match=f"parameter {parameter}"):
        deploy(cloud, template_path, {parameter: value}, "refused")
