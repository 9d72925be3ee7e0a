"""The image that cannot wait, end to end: an upload in the local cloud, and what arrives in the queues.

The template as it is deployed, its endpoint, rule, state machine, functions and topic; nothing is called but AWS's API.
"""

import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import Stack

ROOT = Path(__file__).resolve().parents[3]
PHOTO = (ROOT / "examples/photos/garden/daisy.jpg").read_bytes()
BROKEN = (ROOT / "examples/photos/travel/phone/upload-broke-off.jpg").read_bytes()
HOSTILE = "single/line\nbreak \u202egpj.a+b%41 é.JPG"
EVENTS = ROOT / "tests/data/events"
ROLE = "arn:aws:iam::123456789012:role/sagemaker"
ANY_ENDPOINT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "sagemaker:InvokeEndpoint", "Resource": "*"}],
}


def test_an_upload_ends_in_a_message_with_its_label(
    upload: Callable[[str, bytes], None], message_about: Callable[[str], Any]
) -> None:
    upload("single/a.JPG", PHOTO)
    message = message_about("single/a.JPG")
    assert message["Subject"] == "imagebatch: [a.JPG] is a: daisy (0.36)"
    assert (message["Message"]["certain"], message["Message"]["labels"][0]["label"]) == (True, "daisy")


def test_the_link_in_a_message_leads_to_the_image(
    upload: Callable[[str, bytes], None], message_about: Callable[[str], Any]
) -> None:
    upload("single/linked.jpg", PHOTO)
    with urllib.request.urlopen(message_about("single/linked.jpg")["Message"]["url"], timeout=30) as answer:
        assert answer.read() == PHOTO


def test_a_hostile_key_is_predicted_and_linked_like_any_other(
    upload: Callable[[str, bytes], None], message_about: Callable[[str], Any]
) -> None:
    upload(HOSTILE, PHOTO)
    message = message_about(HOSTILE)
    assert message["Subject"].isascii()
    with urllib.request.urlopen(message["Message"]["url"], timeout=30) as answer:
        assert answer.read() == PHOTO


def test_a_broken_image_ends_in_a_message_that_says_why(
    upload: Callable[[str, bytes], None], message_about: Callable[[str], Any]
) -> None:
    upload("single/broken.jpg", BROKEN)
    message = message_about("single/broken.jpg")
    assert (message["Message"]["outcome"], message["Message"]["reason"]) == ("rejected", "truncated")
    assert message["MessageAttributes"]["outcome"]["Value"] == "rejected"


def test_the_same_image_twice_is_told_with_the_same_id(cloud: LocalCloud, stack: Stack) -> None:
    cloud.client("s3").put_object(Bucket=stack.outputs["ImagesBucket"], Key="single/twice.jpg", Body=PHOTO)
    ids = set()
    for _ in range(2):
        ended = cloud.client("stepfunctions").start_sync_execution(
            stateMachineArn=stack.outputs["SingleImageStateMachineArn"], input=json.dumps({"key": "single/twice.jpg"})
        )
        ids.add(json.loads(ended["output"])["id"])
    assert len(ids) == 1


@pytest.fixture
def ask(cloud: LocalCloud, stack: Stack) -> Iterator[Callable[..., None]]:
    """`ask("photos", ENDPOINT_TIMEOUT="1")`: the functions ask this endpoint until the test has ended, and may."""
    functions, iam = cloud.client("lambda"), cloud.client("iam")
    names = [stack.resources[each] for each in ("InvokeEndpointFunction", "PredictImageFunction")]
    before = {name: functions.get_function_configuration(FunctionName=name)["Environment"] for name in names}

    def change(endpoint: str, **variables: str) -> None:
        for name in names:
            changed = before[name]["Variables"] | {"ENDPOINT_NAME": endpoint} | variables
            functions.update_function_configuration(FunctionName=name, Environment={"Variables": changed})

    for role in (stack.resources["InvokeEndpointRole"], stack.resources["PredictImageRole"]):
        iam.put_role_policy(RoleName=role, PolicyName="another", PolicyDocument=json.dumps(ANY_ENDPOINT))
    yield change
    for name in names:
        functions.update_function_configuration(FunctionName=name, Environment=before[name])


@pytest.fixture(scope="module")
def broken_endpoint(cloud: LocalCloud) -> Callable[[str], str]:
    """`broken_endpoint("500")` is the name of an endpoint that does this when it is asked."""
    cloud.add_image("broken", [sys.executable, "broken_endpoint.py"], ROOT / "tests" / "data")
    sagemaker = cloud.client("sagemaker")

    def make(behaviour: str) -> str:
        name = f"broken-{behaviour}"
        container = {"Image": "broken", "Environment": {"BEHAVIOUR": behaviour}}
        sagemaker.create_model(ModelName=name, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "one", "ModelName": name, "InstanceType": "ml.c7i.large", "InitialInstanceCount": 1}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        waiter = sagemaker.get_waiter("endpoint_in_service")
        waiter.wait(EndpointName=name, WaiterConfig={"Delay": 0.1, "MaxAttempts": 600})
        return name

    return make


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [("500", "EndpointFailed"), ("html", "UnexpectedAnswer"), ("hang", "EndpointTimeout")],
)
def test_what_a_broken_endpoint_does_stands_in_the_dead_letter_with_key_and_endpoint(
    upload: Callable[[str, bytes], None],
    ask: Callable[..., None],
    broken_endpoint: Callable[[str], str],
    dead_letter: Callable[[str], Any],
    behaviour: str,
    error: str,
) -> None:
    ask(broken_endpoint(behaviour), ENDPOINT_TIMEOUT="1")
    upload(f"single/{behaviour}.jpg", PHOTO)
    letter = dead_letter(f"single/{behaviour}.jpg")
    assert letter["error"]["Error"] == error
    assert f"single/{behaviour}.jpg" in letter["error"]["Cause"]
    assert f"broken-{behaviour}" in letter["error"]["Cause"]


def test_an_upload_without_an_endpoint_waits_among_the_dead_letters(
    upload: Callable[[str, bytes], None], ask: Callable[..., None], dead_letter: Callable[[str], Any]
) -> None:
    ask("deleted")
    upload("single/unserved.jpg", PHOTO)
    letter = dead_letter("single/unserved.jpg")
    assert letter["event"]["detail"]["object"]["key"] == "single/unserved.jpg"
    assert letter["error"]["Error"] == "EndpointNotFound"
    assert "single/unserved.jpg" in letter["error"]["Cause"]
    assert "deleted" in letter["error"]["Cause"]


def test_a_notification_about_an_image_that_is_gone_waits_among_the_dead_letters(
    cloud: LocalCloud, stack: Stack, dead_letter: Callable[[str], Any]
) -> None:
    event = json.loads((EVENTS / "s3_notification.json").read_text(encoding="utf-8"))
    event["Records"][0]["s3"]["bucket"]["name"] = stack.outputs["ImagesBucket"]
    event["Records"][0]["s3"]["object"]["key"] = "single/gone+1.jpg"
    cloud.client("lambda").invoke(
        FunctionName=stack.resources["PredictImageFunction"], InvocationType="Event", Payload=json.dumps(event)
    )
    letter = dead_letter("single/gone+1.jpg")
    assert letter["event"] == event
    assert letter["error"]["Error"] == "UnreadableImage"
    assert "single/gone 1.jpg" in letter["error"]["Cause"]


def test_the_function_answers_a_direct_call(cloud: LocalCloud, stack: Stack) -> None:
    bucket = stack.outputs["ImagesBucket"]
    cloud.client("s3").put_object(Bucket=bucket, Key="single/direct.jpg", Body=PHOTO)
    answer = cloud.client("lambda").invoke(
        FunctionName=stack.resources["PredictImageFunction"],
        Payload=json.dumps({"image_path": f"s3://{bucket}/single/direct.jpg"}),
    )
    assert json.loads(answer["Payload"].read())["labels"][0]["label"] == "daisy"


def post(url: str, body: bytes) -> tuple[int, Any]:
    """What a signed POST of an image is answered."""
    request = AWSRequest("POST", url, data=body, headers={"Content-Type": "image/jpeg"})
    SigV4Auth(Credentials("testing", "testing"), "lambda", "us-east-1").add_auth(request)
    signed = urllib.request.Request(url, body, dict(request.headers), method="POST")
    try:
        with urllib.request.urlopen(signed, timeout=60) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_an_image_that_is_posted_to_the_functions_address_is_answered(stack: Stack) -> None:
    status, document = post(stack.outputs["PredictImageUrl"], PHOTO)
    assert (status, document["outcome"], document["labels"][0]["label"]) == (200, "predicted", "daisy")


def test_a_broken_image_that_is_posted_is_refused_with_the_reason(stack: Stack) -> None:
    status, document = post(stack.outputs["PredictImageUrl"], BROKEN)
    assert (status, document["outcome"], document["reason"]) == (422, "rejected", "truncated")


def test_an_endpoint_that_is_gone_is_no_fault_of_who_posts(stack: Stack, ask: Callable[..., None]) -> None:
    ask("deleted")
    status, document = post(stack.outputs["PredictImageUrl"], PHOTO)
    assert (status, document["error"]) == (502, "EndpointNotFound")


def test_an_upload_can_have_a_job_of_its_own(cloud: LocalCloud, stacks: Callable[..., Stack]) -> None:
    stack = stacks("jobs", SingleImages="job")
    s3, results = cloud.client("s3"), stack.outputs["ResultsBucket"]
    s3.put_object(Bucket=stack.outputs["ImagesBucket"], Key="single/My Daisy.jpg", Body=PHOTO)
    deadline = time.monotonic() + 90  # seconds
    while not (
        found := [
            each["Key"]
            for each in s3.list_objects_v2(Bucket=results, Prefix="processing/").get("Contents", ())
            if each["Key"].endswith("output/prediction.jsonl")
        ]
    ):
        assert time.monotonic() < deadline, cloud.client("sagemaker").list_processing_jobs()
        time.sleep(0.1)
    assert found[0].startswith("processing/imagebatch-my-daisy-")
    line = json.loads(s3.get_object(Bucket=results, Key=found[0])["Body"].read())
    assert line["image_uri"] == f"s3://{stack.outputs['ImagesBucket']}/single/My Daisy.jpg"
    assert line["top"][0]["label"] == "daisy"
