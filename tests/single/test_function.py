"""One function from event to message, with every kind of event and everything that an endpoint may do."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pipeline import aws
from pipeline.errors import EndpointFailed, EndpointRefused, EndpointUnavailable, InvalidEvent, UnreadableImage
from pipeline.single.function import PredictImage

EVENTS = Path(__file__).parents[1] / "data" / "events"
BUCKET = "example-images"
BOXES = [("dog", 0.9), ("dog", 0.8), ("cat", 0.7)]
Read = Callable[[], list[dict[str, Any]]]
Answers = Callable[..., None]


def created(key: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "object_created.json").read_text(encoding="utf-8"))
    event["detail"]["object"]["key"] = key
    return event


def notified(*keys: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EVENTS / "s3_notification.json").read_text(encoding="utf-8"))
    (record,) = event["Records"]
    records = [json.loads(json.dumps(record)) for _ in keys]
    for each, key in zip(records, keys, strict=True):
        each["s3"]["object"]["key"] = key
    return {"Records": records}


@pytest.fixture
def uploaded(s3: Any, photo: Callable[..., bytes]) -> str:
    """The key of a photo in the images bucket."""
    s3.put_object(Bucket=BUCKET, Key="single/a.jpg", Body=photo())
    return "single/a.jpg"


@pytest.mark.parametrize(
    "make", [created, notified, lambda key: {"key": key}, lambda key: {"image_path": f"s3://{BUCKET}/{key}"}]
)
def test_every_kind_of_event_ends_in_a_message(
    function: PredictImage, answers: Answers, inbox: Read, uploaded: str, make: Callable[[str], Any]
) -> None:
    answers(b'{"probabilities": [0.93, 0.07]}')
    function.answer(make(uploaded))
    (envelope,) = inbox()
    message = json.loads(envelope["Message"])
    assert message["labels"][0] == {"label": "cat", "index": 0, "score": pytest.approx(0.93)}
    assert envelope["Subject"] == "imagebatch: [a.jpg] is a: cat (0.93)"
    assert envelope["MessageAttributes"]["outcome"]["Value"] == "predicted"


def test_a_caller_gets_what_was_published(function: PredictImage, answers: Answers, inbox: Read, uploaded: str) -> None:
    answers(b'{"probabilities": [0.41, 0.38]}')
    result = function.answer({"key": uploaded})
    (envelope,) = inbox()
    assert json.loads(envelope["Message"]) == result
    assert not result["certain"]


def test_a_bad_image_is_told_about_and_no_endpoint_is_asked(
    function: PredictImage, endpoint: Stubber, inbox: Read, dead_letters: Read, s3: Any
) -> None:
    s3.put_object(Bucket=BUCKET, Key="single/a.jpg", Body=b"hello")
    (result,) = function.answer(created("single/a.jpg"))["results"]
    assert (result["outcome"], result["reason"]) == ("rejected", "not_an_image")
    assert [envelope["Subject"] for envelope in inbox()] == ["imagebatch: [a.jpg] was rejected: not_an_image"]
    assert dead_letters() == []


def test_an_upload_that_is_not_called_like_an_image_is_passed_over(
    function: PredictImage, endpoint: Stubber, inbox: Read, dead_letters: Read
) -> None:
    assert function.answer(created("single/notes.txt")) == {"results": [{"outcome": "ignored"}]}
    assert inbox() == dead_letters() == []


def test_what_is_wrong_for_good_with_an_event_goes_to_the_dead_letters(
    function: PredictImage, endpoint: Stubber, dead_letters: Read
) -> None:
    event = created("single/none.jpg")
    function.answer(event)
    (letter,) = dead_letters()
    assert letter["event"] == event
    assert letter["error"]["Error"] == "UnreadableImage"
    assert letter["error"]["Cause"].startswith("'s3://example-images/single/none.jpg' cannot be read: NoSuchKey")


def test_a_dead_letter_has_no_character_that_a_queue_refuses(function: PredictImage, s3: Any) -> None:
    key = "single/\ufffe\uffff.jpg"
    function.answer(created(key))
    (letter,) = aws.client("sqs").receive_message(QueueUrl=function.delivery.dead_letters)["Messages"]
    assert letter["Body"].isascii()
    assert json.loads(letter["Body"])["event"] == created(key)


def test_what_may_pass_is_for_lambda_to_try_again(
    function: PredictImage, endpoint: Stubber, dead_letters: Read, uploaded: str
) -> None:
    endpoint.add_client_error(
        "invoke_endpoint", "ModelError", http_status_code=424, modeled_fields={"OriginalStatusCode": 500}
    )
    with pytest.raises(EndpointFailed, match=r"single/a\.jpg.*photos"):
        function.answer(created(uploaded))
    assert dead_letters() == []


def test_of_a_notification_with_several_records_each_has_a_fate_of_its_own(
    function: PredictImage, answers: Answers, inbox: Read, dead_letters: Read, uploaded: str
) -> None:
    answers(b'{"probabilities": [0.93, 0.07]}')
    results = function.answer(notified("single/none.jpg", uploaded, "single/notes.txt"))["results"]
    assert [each["outcome"] for each in results] == ["failed", "predicted", "ignored"]
    assert [letter["event"] for letter in dead_letters()] == [notified("single/none.jpg")]


def test_a_record_that_may_pass_does_not_keep_the_others_from_being_predicted(
    function: PredictImage, endpoint: Stubber, answers: Answers, inbox: Read, uploaded: str, s3: Any
) -> None:
    s3.copy_object(Bucket=BUCKET, Key="single/b.jpg", CopySource={"Bucket": BUCKET, "Key": uploaded})
    endpoint.add_client_error("invoke_endpoint", "ThrottlingException", http_status_code=429)
    answers(b'{"probabilities": [0.93, 0.07]}')
    event = notified(uploaded, "single/b.jpg")
    with pytest.raises(EndpointUnavailable, match=r"single/a\.jpg"):
        function.answer(event)
    assert [envelope["Subject"] for envelope in inbox()] == ["imagebatch: [b.jpg] is a: cat (0.93)"]


def test_a_fault_of_a_service_does_not_keep_the_other_records_from_being_predicted(
    function: PredictImage, answers: Answers, inbox: Read, uploaded: str
) -> None:
    answers(b'{"probabilities": [0.93, 0.07]}')
    s3 = aws.client("s3")

    def slow_down(params: dict[str, Any], **_: Any) -> None:
        if params["Key"] == "single/b.jpg":
            raise ClientError({"Error": {"Code": "SlowDown"}}, "GetObject")

    s3.meta.events.register("before-parameter-build.s3.GetObject", slow_down)
    with pytest.raises(ClientError, match="SlowDown"):
        function.answer(notified("single/b.jpg", uploaded))
    assert [envelope["Subject"] for envelope in inbox()] == ["imagebatch: [a.jpg] is a: cat (0.93)"]


@pytest.mark.parametrize(
    ("event", "error"),
    [({"key": "single/none.jpg"}, UnreadableImage), ({"colour": "red"}, InvalidEvent), (5, InvalidEvent)],
)
def test_a_caller_gets_the_error(
    function: PredictImage, endpoint: Stubber, dead_letters: Read, event: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        function.answer(event)
    assert dead_letters() == []


def test_an_event_that_is_wrong_goes_to_the_dead_letters(
    function: PredictImage, endpoint: Stubber, dead_letters: Read
) -> None:
    event = {"Records": ["a.jpg"]}
    function.answer(event)
    assert [(letter["event"], letter["error"]["Error"]) for letter in dead_letters()] == [(event, "InvalidEvent")]


def test_an_answer_that_is_no_prediction_names_key_and_endpoint(
    function: PredictImage, answers: Answers, dead_letters: Read, uploaded: str
) -> None:
    answers(b"<html>", "text/html")
    function.answer(created(uploaded))
    (letter,) = dead_letters()
    assert letter["error"]["Error"] == "UnexpectedAnswer"
    assert uploaded in letter["error"]["Cause"]
    assert "photos" in letter["error"]["Cause"]


def test_an_image_larger_than_a_request_is_sent_resized(
    function: PredictImage, answers: Answers, s3: Any, photo: Callable[..., bytes]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="single/a.png", Body=photo(1700, 1500, format="PNG"))
    answers(b'{"probabilities": [0.93, 0.07]}')
    assert function.answer({"key": "single/a.png"})["resized"]


def test_a_posted_image_is_answered_and_nobody_else_is_told(
    function: PredictImage, answers: Answers, inbox: Read, photo: Callable[..., bytes]
) -> None:
    answers(b'{"probabilities": [0.93, 0.07]}')
    result = function.answer_posted(photo())
    assert (result["outcome"], result["certain"], result["labels"][0]["label"]) == ("predicted", True, "cat")
    assert inbox() == []


def test_an_error_about_a_posted_image_names_the_endpoint(
    function: PredictImage, endpoint: Stubber, photo: Callable[..., bytes]
) -> None:
    endpoint.add_client_error(
        "invoke_endpoint", "ModelError", http_status_code=424, modeled_fields={"OriginalStatusCode": 415}
    )
    with pytest.raises(EndpointRefused, match=r"the posted image.*photos"):
        function.answer_posted(photo())


def test_a_detector_names_each_kind_once(function: PredictImage, answers: Answers, uploaded: str) -> None:
    boxes = [{"label": label, "index": 1, "score": score, "box": [0, 0, 1, 1]} for label, score in BOXES]
    answers(json.dumps({"boxes": boxes}).encode())
    labels = function.answer({"key": uploaded})["labels"]
    assert [(each["label"], each["score"]) for each in labels] == [("dog", 0.9), ("cat", 0.7)]


def metrics(printed: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in printed.splitlines() if '"_aws"' in line]
    names = ("SingleImagesPredicted", "SingleImagesRejected", "EndpointSeconds", "reason", "endpoint")
    return [{name: line[name] for name in names if name in line} for line in lines]


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_NAME", "photos")


@pytest.mark.usefixtures("stack")
def test_a_prediction_tells_that_it_was_made_and_how_long_the_endpoint_took(
    function: PredictImage, answers: Answers, uploaded: str, capsys: pytest.CaptureFixture[str]
) -> None:
    answers(b"[0.93, 0.07]")
    function.answer({"key": uploaded})
    (told,) = metrics(capsys.readouterr().out)
    assert (told["SingleImagesPredicted"], told["endpoint"]) == ([1.0], "photos")
    assert told["EndpointSeconds"][0] >= 0


@pytest.mark.usefixtures("stack")
def test_a_rejection_tells_its_reason_and_asks_no_endpoint(
    function: PredictImage, s3: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    s3.put_object(Bucket=BUCKET, Key="single/none.jpg", Body=b"no image")
    function.answer({"key": "single/none.jpg"})
    assert metrics(capsys.readouterr().out) == [{"SingleImagesRejected": [1.0], "reason": "not_an_image"}]
