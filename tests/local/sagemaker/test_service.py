"""SageMaker's API around the jobs: names, refusals, listings, models, tags."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.cloud import LocalCloud
from pipeline.local.sagemaker.transfers import InputObject, _path_below, share

Run = Callable[..., dict[str, Any]]
Request = Callable[..., dict[str, Any]]
ARN = "arn:aws:sagemaker:us-east-1:123456789012:"


def s3_input(**members: str) -> dict[str, Any]:
    place = {"S3Uri": "s3://b/", "LocalPath": "/opt/ml/processing/in", "S3DataType": "S3Prefix", **members}
    return {"ProcessingInputs": [{"InputName": "in", "S3Input": place}]}


@pytest.mark.parametrize("name", ["under_score", "-dash", "dash-", "x" * 64, "dot.dot"])
def test_a_name_that_breaks_the_rules_is_refused(cloud: LocalCloud, job_request: Request, name: str) -> None:
    request = {**job_request("", "job"), "ProcessingJobName": name}
    with pytest.raises(ClientError, match=r"ValidationException.*'processingJobName'"):
        cloud.client("sagemaker").create_processing_job(**request)


def test_a_name_is_used_up_for_ever(cloud: LocalCloud, run: Run, job_request: Request) -> None:
    run("")
    with pytest.raises(cloud.client("sagemaker").exceptions.ResourceInUse, match="unique"):
        cloud.client("sagemaker").create_processing_job(**job_request(""))


def test_a_name_stays_used_up_when_a_later_cloud_gets_the_same_folder(tmp_path: Path, job_request: Request) -> None:
    for used_up in (False, True):
        with LocalCloud(tmp_path / "state") as cloud:
            client = cloud.client("sagemaker")
            if used_up:
                with pytest.raises(client.exceptions.ResourceInUse, match="unique"):
                    client.create_processing_job(**job_request(""))
            else:
                client.create_processing_job(**job_request(""))


def test_a_job_leaves_its_log_and_nothing_of_its_disks(tmp_path: Path, job_request: Request) -> None:
    folder = tmp_path / "state" / "sagemaker" / "processing" / "job"
    with LocalCloud(tmp_path / "state") as cloud:
        cloud.client("sagemaker").create_processing_job(**job_request("print('said')"))
        cloud.client("sagemaker").get_waiter("processing_job_completed_or_stopped").wait(
            ProcessingJobName="job", WaiterConfig={"Delay": 0.05}
        )
    assert [path.name for path in folder.iterdir()] == ["log"]
    assert "said" in (folder / "log").read_text()


def test_the_disks_that_a_killed_cloud_left_are_removed(tmp_path: Path) -> None:
    disks = [tmp_path / "sagemaker" / name for name in ("processing/job/algo-1", "endpoints/mine/root")]
    for disk in disks:
        disk.mkdir(parents=True)
        (disk.parent / "log").touch()
    with LocalCloud(tmp_path):
        assert [list(disk.parent.iterdir()) for disk in disks] == [[disk.parent / "log"] for disk in disks]


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"RoleArn": "arn:aws:iam::123456789012:user/me"}, "'roleArn'"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 777_601}}, "less than or equal to 777600"),
        ({"Environment": {"a-b": "1"}}, "regular expression pattern"),
        ({"AppSpecification": {"ImageUri": "image"}}, "ContainerEntrypoint is missing"),
        (s3_input(S3InputMode="Pipe"), "S3InputMode Pipe of the input 'in' is not served"),
        (s3_input(S3CompressionType="Gzip"), "S3CompressionType Gzip of the input 'in' is not served"),
        (s3_input(S3DataType="Everything"), "enum value set"),
        (s3_input(S3Uri="bucket/key"), "regular expression pattern"),
        (s3_input(LocalPath="/etc"), "has to lie below /opt/ml/processing/"),
        (s3_input(LocalPath="/opt/ml/processing/../../../etc"), "has to lie below /opt/ml/processing/"),
    ],
)
def test_a_job_that_aws_or_this_machine_cannot_run_is_refused(
    cloud: LocalCloud, job_request: Request, members: dict[str, Any], reason: str
) -> None:
    with pytest.raises(ClientError, match=reason):
        cloud.client("sagemaker").create_processing_job(**job_request("", **members))


def test_an_instance_type_that_does_not_exist_is_refused(cloud: LocalCloud, job_request: Request) -> None:
    request = job_request("")
    request["ProcessingResources"]["ClusterConfig"]["InstanceType"] = "ml.huge"
    with pytest.raises(ClientError, match=r"'ml.huge' at 'processingResources.clusterConfig.instanceType'"):
        cloud.client("sagemaker").create_processing_job(**request)


def test_an_unknown_job_is_not_found(cloud: LocalCloud) -> None:
    client = cloud.client("sagemaker")
    for operation in (client.describe_processing_job, client.stop_processing_job):
        with pytest.raises(client.exceptions.ResourceNotFound, match="nix"):
            operation(ProcessingJobName="nix")


def test_a_job_that_has_ended_cannot_be_stopped(cloud: LocalCloud, run: Run) -> None:
    run("")
    with pytest.raises(ClientError, match="is Completed"):
        cloud.client("sagemaker").stop_processing_job(ProcessingJobName="job")


def test_jobs_are_listed_by_name_status_and_page(cloud: LocalCloud, run: Run) -> None:
    for name in ("first-a", "second", "third-a"):
        run("raise SystemExit(1)" if name == "second" else "", name)
    client = cloud.client("sagemaker")

    def names(**arguments: Any) -> list[str]:
        pages = client.get_paginator("list_processing_jobs").paginate(PaginationConfig={"PageSize": 2}, **arguments)
        return [job["ProcessingJobName"] for page in pages for job in page["ProcessingJobSummaries"]]

    assert names() == ["third-a", "second", "first-a"]
    assert names(SortBy="Name", SortOrder="Ascending") == ["first-a", "second", "third-a"]
    assert names(NameContains="-a") == ["third-a", "first-a"]
    assert names(StatusEquals="Failed") == ["second"]


def test_what_is_not_served_is_refused_by_name(cloud: LocalCloud) -> None:
    with pytest.raises(ClientError, match=r"UnsupportedOperation.*ListTrainingJobs"):
        cloud.client("sagemaker").list_training_jobs()


def test_a_model_lives_from_its_creation_to_its_deletion(cloud: LocalCloud, role: str) -> None:
    client = cloud.client("sagemaker")
    container = {"Image": "image", "ModelDataUrl": "s3://b/model.tar.gz", "Environment": {"A": "b"}}
    client.create_model(ModelName="net", PrimaryContainer=container, ExecutionRoleArn=role)
    described = client.describe_model(ModelName="net")
    assert (described["ModelArn"], described["PrimaryContainer"]) == (f"{ARN}model/net", container)
    assert [model["ModelName"] for model in client.list_models()["Models"]] == ["net"]
    with pytest.raises(ClientError, match="already existing model"):
        client.create_model(ModelName="net", PrimaryContainer=container, ExecutionRoleArn=role)
    client.delete_model(ModelName="net")
    with pytest.raises(ClientError, match="Could not find model"):
        client.describe_model(ModelName="net")


def test_tags_are_kept_added_and_removed(cloud: LocalCloud, role: str) -> None:
    client = cloud.client("sagemaker")
    tag = {"Key": "run id", "Value": "é1"}
    arn = client.create_model(ModelName="net", PrimaryContainer={"Image": "i"}, ExecutionRoleArn=role, Tags=[tag])[
        "ModelArn"
    ]
    client.add_tags(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [tag, {"Key": "b", "Value": "2"}]
    client.delete_tags(ResourceArn=arn, TagKeys=["b"])
    assert client.list_tags(ResourceArn=arn)["Tags"] == [tag]
    with pytest.raises(ClientError, match="no resource"):
        client.list_tags(ResourceArn=f"{ARN}model/nix")


@given(st.lists(st.text(min_size=1)), st.integers(1, 7))
def test_sharded_objects_go_to_exactly_one_host_and_evenly(keys: list[str], hosts: int) -> None:
    objects = [InputObject("bucket", key, key) for key in keys]
    shares = [share(objects, "ShardedByS3Key", host, hosts) for host in range(hosts)]
    assert sorted(item.key for dealt in shares for item in dealt) == sorted(keys)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@given(st.lists(st.text("ab", min_size=1), min_size=1).map("/".join), st.integers(0, 20))
def test_objects_of_one_prefix_get_paths_of_their_own(key: str, length: int) -> None:
    prefix = key[:length]
    other = f"{key}x"
    assert _path_below(key, prefix)
    assert _path_below(key, prefix) != _path_below(other, prefix)
