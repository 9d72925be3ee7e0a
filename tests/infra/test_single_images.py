"""The endpoint, the state machine and the functions for images that cannot wait."""

import json
import re

import botocore.session
import pytest

from pipeline.endpoints import CODECS
from pipeline.local.deploy.errors import ParameterError
from pipeline.runs import volumes

FUNCTION_OF_TASK = {
    "ValidateImage": "ValidateImageFunction",
    "InvokeEndpoint": "InvokeEndpointFunction",
    "RankPrediction": "RankPredictionFunction",
}
NEEDED = {
    "lambda:invoke": "lambda:InvokeFunction",
    "sns:publish": "sns:Publish",
    "sqs:sendMessage": "sqs:SendMessage",
}
ENDPOINT = {"EndpointName": "photos"}
NAMED_ARN = "arn:${AWS::Partition}:sagemaker:${AWS::Region}:${AWS::AccountId}:endpoint/${EndpointName}"
PHOTOS_ARN = "arn:aws:sagemaker:us-east-1:123456789012:endpoint/photos"
MADE = {"EndpointInstanceType": "ml.c7i.large", "ModelDataUrl": "s3://models/model.tar.gz"}


@pytest.fixture(scope="module")
def asl(template_path):
    path = template_path.parents[1] / "state_machines" / "single_image.asl.json"
    return path.read_text(encoding="utf-8")


def statements(role):
    return [entry for policy in role["Properties"]["Policies"] for entry in policy["PolicyDocument"]["Statement"]]


def allowed(role, action):
    """What the role may do `action` to."""
    return [entry["Resource"] for entry in statements(role) if action in [entry["Action"], *list(entry["Action"])]]


def test_a_stack_without_an_endpoint_has_none_of_it(with_parameters):
    resources = with_parameters().resources
    ours = {name for name in resources if re.search("Endpoint|Single|Image(Function|Role|Url)|Prediction", name)}
    assert {name for name in ours if not name.startswith("AggregatePredictions")} == set()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (MADE, {"Ref": "Endpoint"}),
        (ENDPOINT, {"Fn::Sub": NAMED_ARN}),
        ({"EndpointName": "Photos", "EndpointArn": PHOTOS_ARN}, {"Ref": "EndpointArn"}),
    ],
)
def test_only_the_endpoint_of_the_stack_may_be_invoked(with_parameters, given, expected):
    resources = with_parameters(**given).resources
    roles = {name: entry for name, entry in resources.items() if entry["Type"] == "AWS::IAM::Role"}
    may = {name: allowed(role, "sagemaker:InvokeEndpoint") for name, role in roles.items()}
    assert {name: targets for name, targets in may.items() if targets} == {
        "InvokeEndpointRole": [expected],
        "PredictImageRole": [expected],
    }


def test_an_endpoint_is_made_of_the_model_of_the_stack(with_parameters):
    resources = with_parameters(**MADE, EndpointInstanceCount="2").resources
    (variant,) = resources["EndpointConfig"]["Properties"]["ProductionVariants"]
    assert variant["ModelName"] == {"Fn::GetAtt": ["Model", "ModelName"]}
    assert variant["InstanceType"] == {"Ref": "EndpointInstanceType"}


def test_an_endpoint_s_volumes_have_the_key_where_its_instances_take_one(with_parameters):
    types = (
        botocore.session.get_session().get_service_model("sagemaker").shape_for("ProductionVariantInstanceType").enum
    )
    families = {name.split(".")[1]: name for name in types}
    given = {
        family: with_parameters(**MADE | {"EndpointInstanceType": name}).resources["EndpointConfig"]["Properties"]
        for family, name in families.items()
    }

    taking = {family for family, name in families.items() if volumes.encryption(name, "key")}
    assert {
        family for family, properties in given.items() if properties["KmsKeyId"] != {"Ref": "AWS::NoValue"}
    } == taking


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({**ENDPOINT, **MADE}, "not both"),
        ({"EndpointInstanceType": "ml.c7i.large"}, "ModelDataUrl"),
        ({"EndpointArn": PHOTOS_ARN}, "belongs to EndpointName"),
        ({"PredictImageUrl": "yes"}, "name one, or make one"),
    ],
)
def test_parameters_that_do_not_go_together_are_refused(with_parameters, given, said):
    with pytest.raises(ParameterError, match=said):
        with_parameters(**given)


def test_substitutions_are_those_that_the_state_machine_asks_for(of_type, asl):
    machine = of_type("AWS::StepFunctions::StateMachine")["SingleImageStateMachine"]
    assert set(machine["DefinitionSubstitutions"]) == set(re.findall(r"\$\{(\w+)\}", asl))
    assert machine["StateMachineType"] == "EXPRESS"


def test_the_state_machine_may_do_what_its_states_do_and_nothing_else(with_parameters, asl):
    role = with_parameters(**ENDPOINT).resources["SingleImageRole"]
    (steps,) = (policy for policy in role["Properties"]["Policies"] if policy["PolicyName"] == "steps")
    used = {NEEDED[resource] for resource in re.findall(r'"arn:aws:states:::([^"]+)"', asl)}
    assert {entry["Action"] for entry in steps["PolicyDocument"]["Statement"]} == used


def test_a_task_waits_longer_than_its_function_may_run(of_type, asl):
    states = json.loads(asl)["States"]
    functions = of_type("AWS::Lambda::Function")
    waits = {task: states[task]["TimeoutSeconds"] for task in FUNCTION_OF_TASK}
    runs = {task: functions[function]["Timeout"] for task, function in FUNCTION_OF_TASK.items()}
    assert [task for task in waits if waits[task] <= runs[task]] == []


def test_a_function_may_run_longer_than_the_endpoint_may_take(of_type):
    functions = of_type("AWS::Lambda::Function")
    for name in ("InvokeEndpointFunction", "PredictImageFunction"):
        assert functions[name]["Timeout"] > int(functions[name]["Environment"]["Variables"]["ENDPOINT_TIMEOUT"])


def test_every_codec_can_be_chosen(template):
    assert set(template["Parameters"]["EndpointCodec"]["AllowedValues"]) == set(CODECS)


@pytest.mark.parametrize(
    ("given", "target", "role"),
    [
        (ENDPOINT, {"Fn::GetAtt": ["SingleImageStateMachine", "Arn"]}, True),
        ({**ENDPOINT, "SingleImages": "function"}, {"Fn::GetAtt": ["PredictImageFunction", "Arn"]}, False),
        ({"SingleImages": "job"}, {"Fn::GetAtt": ["ProcessImageFunction", "Arn"]}, False),
    ],
)
def test_an_upload_starts_what_is_asked_for(with_parameters, given, target, role):
    resources = with_parameters(**given).resources
    (entry,) = resources["SingleImageRule"]["Properties"]["Targets"]
    assert entry["Arn"] == target
    assert entry["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert ("SingleImageRuleRole" in resources) == role
    # A function is invoked by its own leave, and by nobody else's.
    leaves = [entry["Properties"] for entry in resources.values() if entry["Type"] == "AWS::Lambda::Permission"]
    mine = [leave for leave in leaves if leave["SourceArn"] == {"Fn::GetAtt": ["SingleImageRule", "Arn"]}]
    assert [leave["FunctionName"] for leave in mine] == ([] if role else [target])


@pytest.mark.parametrize("given", [{**ENDPOINT, "SingleImages": "nothing"}, {"SingleImages": "state_machine"}])
def test_an_upload_starts_nothing_unless_there_is_something_to_start(with_parameters, given):
    assert "SingleImageRule" not in with_parameters(**given).resources


def test_uploads_are_those_under_the_prefix_in_the_images_bucket(with_parameters):
    rule = with_parameters(**ENDPOINT).resources["SingleImageRule"]["Properties"]
    assert rule["EventPattern"] == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {
            "bucket": {"name": [{"Ref": "ImagesBucket"}]},
            "object": {"key": [{"prefix": {"Ref": "SingleImagePrefix"}}]},
        },
    }


@pytest.mark.parametrize(
    "role", ["ValidateImageRole", "InvokeEndpointRole", "RankPredictionRole", "PredictImageRole", "SignedUrlRole"]
)
def test_images_are_read_below_the_prefix_only(with_parameters, role):
    read = allowed(with_parameters(**ENDPOINT).resources[role], "s3:GetObject")
    images = [resource for resource in read if "ImagesBucket" in json.dumps(resource)]
    assert images == [{"Fn::Sub": "${ImagesBucket.Arn}/${SingleImagePrefix}*"}]


def test_who_signs_links_may_do_nothing_but_read(with_parameters):
    resources = with_parameters(**ENDPOINT).resources
    assert [entry["Action"] for entry in statements(resources["SignedUrlRole"])] == ["s3:GetObject"]
    assert resources["SignUrlsPolicy"]["Properties"]["Roles"] == [
        {"Ref": "RankPredictionRole"},
        {"Ref": "PredictImageRole"},
    ]


@pytest.mark.parametrize(("answer", "there"), [("no", False), ("yes", True)])
def test_a_function_has_an_address_where_one_is_asked_for(with_parameters, answer, there):
    applied = with_parameters(**ENDPOINT, PredictImageUrl=answer)
    assert ("PredictImageAddress" in applied.resources, "PredictImageUrl" in applied.outputs) == (there, there)


def test_an_address_asks_for_a_signature(of_type):
    assert {url["AuthType"] for url in of_type("AWS::Lambda::Url").values()} == {"AWS_IAM"}


@pytest.mark.parametrize("function", ["PredictImage", "ProcessImage", "ReportFailure"])
def test_an_event_that_is_not_served_ends_in_the_queue(of_type, function):
    events = of_type("AWS::Lambda::EventInvokeConfig")[f"{function}Events"]
    assert events["DestinationConfig"]["OnFailure"]["Destination"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    may = [
        entry["Resource"]
        for policy in of_type("AWS::IAM::Role")[f"{function}Role"]["Policies"]
        for entry in policy["PolicyDocument"]["Statement"]
        if entry["Action"] == "sqs:SendMessage"
    ]
    assert may == [{"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}]
