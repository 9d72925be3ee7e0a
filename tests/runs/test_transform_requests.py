"""What the transform jobs of a run are asked: within SageMaker's limits, for shards and for originals."""

from dataclasses import replace

import botocore.session
import pytest

from pipeline import shards
from pipeline.contract import Answer, AnswerFormat, ModelContract
from pipeline.runs.run import Run
from pipeline.runs.transform_requests import GPU_AMI, of_run, resources

MODEL = botocore.session.get_session().get_service_model("sagemaker")
GPUS = ("g4dn", "g5", "g6", "g6e", "p3")


@pytest.fixture
def foreign(run: Run, foreign_contract: ModelContract) -> Run:
    """A run that sends photos to a container that is not ours."""
    return replace(run, engine="transform", contract=foreign_contract)


def test_every_shard_fits_a_request(run: Run) -> None:
    largest = shards.MAX_PIXEL_BYTES + shards.MAX_HEADER_BYTES
    assert of_run(run)["MaxPayloadInMB"] * 1024 * 1024 >= largest


def test_the_pixels_of_a_shard_fit_a_request_whichever_megabyte_is_meant(run: Run) -> None:
    assert of_run(run)["MaxPayloadInMB"] * 1_000_000 > shards.MAX_PIXEL_BYTES


def test_requests_that_are_under_way_together_are_within_a_hundred_megabytes(run: Run) -> None:
    made = of_run(run)
    assert made["MaxPayloadInMB"] * made["MaxConcurrentTransforms"] <= 100


def test_shards_are_sent_to_a_server_that_is_told_the_run(run: Run) -> None:
    made = of_run(run)
    assert made["ContentType"] == "application/x-imagebatch-shard"
    assert made["Environment"]["IMAGEBATCH_TOP_K"] == "3"


def test_originals_are_sent_as_the_contract_declares_them(foreign: Run) -> None:
    made = of_run(foreign)
    assert made["ContentType"] == "application/x-image"
    assert (made["MaxPayloadInMB"], made["MaxConcurrentTransforms"]) == (1, 0)


def test_a_container_that_is_not_ours_is_told_nothing_of_ours(foreign: Run) -> None:
    assert of_run(foreign)["Environment"] == {}


@pytest.mark.parametrize(
    ("format", "accept"),
    [("json_array", "application/json"), ("json_object", "application/json"), ("csv", "text/csv")],
)
def test_the_format_of_the_answer_is_asked_for(foreign: Run, format: str, accept: str) -> None:
    output = replace(foreign.contract.output, answer=Answer(AnswerFormat(format)))
    made = of_run(replace(foreign, contract=replace(foreign.contract, output=output)))
    assert made["Accept"] == accept


@pytest.mark.parametrize("type", MODEL.shape_for("TransformInstanceType").enum)
def test_instances_with_a_gpu_that_cuda_12_knows_get_its_driver_and_no_others(type: str) -> None:
    assert resources(type, 1).get("TransformAmiVersion") == (GPU_AMI if type.split(".")[1] in GPUS else None)


def test_that_driver_is_one_that_sagemaker_has() -> None:
    documentation = MODEL.shape_for("TransformResources").members["TransformAmiVersion"].documentation
    assert GPU_AMI in documentation
