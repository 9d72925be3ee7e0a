"""A container that is not ours, from the listing of photos to the results: it is sent the originals, one a request.

tests/data/foreign_container.py is that container: the example model behind an interface of its own.
"""

import io
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
LABELS = ROOT / "examples" / "models" / "efficientnet-lite0" / "labels.txt"
PHOTOS = ROOT / "examples" / "photos"
ROLE = "arn:aws:iam::123456789012:role/marketplace"
MODEL = "marketplace-model"
FORMATS = {"json_array": {}, "json_object": {"field": "predictions.0.scores"}, "csv": {}}

HOSTILE = ["a b.png", 'q"uote.png', "line\nend.png", "ünïcode/a.png", "a+b&c=d%20.png", "x/a.png", "y/a.png"]
MAGENTA, YELLOW, CYAN = (255, 0, 255), (255, 255, 0), (0, 255, 255)
UNWANTED = {"refused.png": MAGENTA, "flaky.png": YELLOW, "words.png": CYAN}


def photo(shade: int, corner: tuple[int, int, int] | None = None, size: int = 32) -> bytes:
    image = Image.new("RGB", (size, size), (shade % 256, 100, 200))
    if corner:
        image.putpixel((0, 0), corner)
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def noise(size: int) -> bytes:
    file = io.BytesIO()
    Image.effect_noise((size, size), 100).save(file, "PNG")
    return file.getvalue()


@pytest.fixture(scope="module")
def deployment(deployed: Callable[..., Any]) -> Any:
    """The stack, told of a SageMaker model that exists already."""
    another = {"OtherImagesBuckets": "arn:aws:s3:::another-bucket", "OtherImages": "arn:aws:s3:::another-bucket/*"}
    deployment = deployed(TransformModelName=MODEL, DefaultModel="foreign", **another)
    serve = ["python3", str(ROOT / "tests" / "data" / "foreign_container.py")]
    deployment.cloud.add_image("marketplace/net", serve, ROOT)
    return deployment


@pytest.fixture(scope="module")
def speak(deployment: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], None]:
    """Puts the container that speaks a format in the place of the model, and its contract into the bucket."""
    sagemaker, results = deployment.cloud.client("sagemaker"), deployment.stack.outputs["ResultsBucket"]

    def put(format: str) -> None:
        if sagemaker.list_models(NameContains=MODEL)["Models"]:
            sagemaker.delete_model(ModelName=MODEL)
        flaky = str(tmp_path_factory.mktemp("flaky"))
        image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/marketplace/net:1"
        container = {"Image": image, "Environment": {"ANSWER_FORMAT": format, "FLAKY_STATE": flaky}}
        sagemaker.create_model(ModelName=MODEL, PrimaryContainer=container, ExecutionRoleArn=ROLE)
        contract = {
            "version": 1,
            "name": "foreign",
            "task": "classification",
            "payload": {"kind": "image", "content_type": "application/x-image", "max_payload_mb": 1},
            "output": {"format": format, **FORMATS[format], "activation": "none", "top_k": 5, "labels": "labels.txt"},
        }
        deployment.s3.put_object(Bucket=results, Key="models/foreign/contract.json", Body=json.dumps(contract))
        deployment.s3.upload_file(str(LABELS), results, "models/foreign/labels.txt")

    return put


@pytest.fixture(scope="module")
def run(deployment: Any, speak: Callable[[str], None]) -> Callable[..., Any]:
    """`run("csv", "prefix/")`: a run over these prefixes of a container that speaks that format."""

    def run(format: str, *prefixes: str, **fields: Any) -> Any:
        speak(format)
        return deployment.run(prefixes=list(prefixes), max_failed_fraction=0.9, **fields)

    return run


@pytest.fixture(scope="module")
def unwanted(deployment: Any, run: Callable[..., Any]) -> Any:
    """A run over photos with hostile keys in two buckets, and over some that the container does not get along with."""
    deployment.s3.create_bucket(Bucket="another-bucket")
    images = deployment.stack.outputs["ImagesBucket"]
    for bucket in (images, "another-bucket"):
        for number, key in enumerate(HOSTILE):
            deployment.s3.put_object(Bucket=bucket, Key=f"hostile/{key}", Body=photo(17 * number))
    for number, (key, corner) in enumerate(UNWANTED.items()):
        deployment.put({f"unwanted/{key}": photo(31 * number, corner)})
    deployment.put({"unwanted/large.png": noise(1100), "unwanted/broken.png": photo(1)[:60]})
    return run("json_array", "hostile/", "unwanted/", "s3://another-bucket/hostile/", name="unwanted")


def read(deployment: Any, key: str) -> Any:
    """A JSON object of the results bucket."""
    return json.loads(
        deployment.s3.get_object(Bucket=deployment.stack.outputs["ResultsBucket"], Key=key)["Body"].read()
    )


def keys_of(bucket: str, rows: Iterable[dict[str, Any]]) -> set[str]:
    return {row["key"].removeprefix("hostile/") for row in rows if row["bucket"] == bucket}


def test_it_gives_the_labels_that_the_same_model_gives_as_a_package_of_ours(
    deployment: Any, run: Callable[..., Any], example_run: Any
) -> None:
    files = [path for path in PHOTOS.rglob("*") if path.is_file() and path.stat().st_size <= 1_000_000]
    deployment.put({f"photos/{path.relative_to(PHOTOS).as_posix()}": path.read_bytes() for path in files})
    ended = run("json_array", "photos/")
    small = {path.relative_to(PHOTOS).as_posix() for path in files}
    ours = {key: row["labels"] for key, row in example_run.predictions.items() if key in small}
    assert {key.removeprefix("photos/"): row["labels"] for key, row in ended.predicted.items()} == ours


@pytest.mark.parametrize("format", ["json_object", "csv"])
def test_it_may_answer_in_another_format(deployment: Any, run: Callable[..., Any], format: str) -> None:
    deployment.put({f"formats/{number}.png": photo(60 * number) for number in range(3)})
    ended = run(format, "formats/")
    assert ended.counts["predicted"] == 3
    assert all(len(row["labels"]) == 5 for row in ended.predicted.values())


def test_every_key_gets_its_answer_whatever_is_in_it(deployment: Any, unwanted: Any) -> None:
    images = deployment.stack.outputs["ImagesBucket"]
    rows = unwanted.rows
    assert keys_of(images, (row for row in rows if row["key"].startswith("hostile/"))) == set(HOSTILE)
    assert keys_of("another-bucket", rows) == set(HOSTILE)


def test_photos_of_each_bucket_are_in_a_job_of_their_own(deployment: Any, unwanted: Any) -> None:
    jobs = deployment.cloud.client("sagemaker").list_transform_jobs(NameContains="-unwanted-", MaxResults=100)
    names = [job["TransformJobName"] for job in jobs["TransformJobSummaries"]]
    firsts = [name.split("-") for name in names if "-retry-" not in name]
    assert sorted(part for name in firsts for part in name if part.startswith("p0")) == ["p0000", "p0001"]


def test_every_photo_of_the_run_has_one_end(unwanted: Any) -> None:
    counts = unwanted.counts
    assert (counts["listed"], counts["rejected"]) == (2 * len(HOSTILE) + 5, 1)
    assert counts["predicted"] == 2 * len(HOSTILE) + 1
    assert counts["failed"] == 3


def test_a_photo_that_the_container_refuses_fails_with_the_job_to_look_at(unwanted: Any) -> None:
    detail = unwanted.failed["unwanted/refused.png"]["detail"]
    assert "-retry-0-0-0: AlgorithmError: See job logs for more information" in detail


def test_what_the_container_takes_in_a_second_job_is_predicted(unwanted: Any) -> None:
    assert "unwanted/flaky.png" in unwanted.predicted


def test_words_in_place_of_numbers_fail_their_photo(unwanted: Any) -> None:
    assert unwanted.failed["unwanted/words.png"]["error"] == "InvalidPrediction"
    assert "a lake, probably" in unwanted.failed["unwanted/words.png"]["detail"]


def test_a_photo_above_the_containers_limit_is_never_sent(deployment: Any, unwanted: Any) -> None:
    assert unwanted.failed["unwanted/large.png"]["error"] == "TooLargeForContainer"
    jobs = deployment.cloud.client("sagemaker").list_transform_jobs(NameContains="-unwanted-", MaxResults=100)
    logs = [deployment.cloud.job_log(job["TransformJobName"]) for job in jobs["TransformJobSummaries"]]
    assert not any("large.png" in log for log in logs)


def test_the_retry_is_of_what_has_no_answer_alone(deployment: Any, unwanted: Any) -> None:
    run_id = json.loads(unwanted.description["output"])["summary"]["run_id"]
    results = deployment.stack.outputs["ResultsBucket"]
    plans = deployment.s3.list_objects_v2(Bucket=results, Prefix=f"runs/{run_id}/plan/")["Contents"]
    (retried,) = [item["Key"] for item in plans if item["Key"].endswith("-retry.manifest")]
    prefix, *keys = json.loads(deployment.s3.get_object(Bucket=results, Key=retried)["Body"].read())
    assert prefix == {"prefix": f"s3://{deployment.stack.outputs['ImagesBucket']}/"}
    assert sorted(keys) == ["unwanted/flaky.png", "unwanted/refused.png"]


def test_a_run_that_is_resumed_sends_what_has_no_answer_that_reads(
    deployment: Any, unwanted: Any, speak: Callable[[str], None]
) -> None:
    speak("json_array")
    failed = deployment.run(prefixes=["unwanted/"], name="resumed", max_failed_fraction=0)
    assert failed.description["error"] == "TooManyFailed"
    results = deployment.stack.outputs["ResultsBucket"]
    (run_id,) = {
        item["Prefix"].split("/")[1]
        for item in deployment.s3.list_objects_v2(Bucket=results, Prefix="runs/", Delimiter="/")["CommonPrefixes"]
        if "-resumed-" in item["Prefix"]
    }

    again = deployment.run(resume=run_id)

    _, *sent = read(deployment, f"runs/{run_id}/plan/r1p0000.manifest")
    assert sorted(sent) == ["unwanted/refused.png", "unwanted/words.png"]
    # They fail again, as they have to; what was answered before is counted as ever.
    assert again.description["error"] == "TooManyFailed"
    assert read(deployment, f"runs/{run_id}/results/summary.json")["counts"]["predicted"] == 1


def test_nothing_is_packed(deployment: Any, unwanted: Any) -> None:
    run_id = json.loads(unwanted.description["output"])["summary"]["run_id"]
    bucket = deployment.stack.outputs["ResultsBucket"]
    assert "Contents" not in deployment.s3.list_objects_v2(Bucket=bucket, Prefix=f"runs/{run_id}/shards/")


def test_the_engine_that_runs_models_of_ours_refuses_it(deployment: Any, speak: Callable[[str], None]) -> None:
    speak("csv")
    ended = deployment.run(prefixes=["formats/"], engine="processing")
    assert (ended.status, ended.description["error"]) == ("FAILED", "InvalidRunInput")
    assert "engine: expected 'transform', got 'processing'" in ended.description["cause"]
