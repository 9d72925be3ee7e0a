"""botocore's data as the product reads it, against botocore's own loader."""

import json
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from botocore.loaders import Loader

from pipeline.service_models import Documents, Models, session


@pytest.mark.parametrize("service", ["s3", "stepfunctions", "sagemaker", "sqs", "kms"])
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1"])
def test_a_model_is_botocores(service: str, kind: str) -> None:
    ours, theirs = (loader.load_service_model(service, kind) for loader in (Models(), Loader()))

    assert json.dumps(ours) == json.dumps(theirs)  # in the same order


@pytest.mark.parametrize("name", ["endpoints", "partitions", "sdk-default-configuration", "_retry"])
def test_data_of_no_service_is_botocores(name: str) -> None:
    assert Models().load_data(name) == Loader().load_data(name)


def test_the_services_are_botocores() -> None:
    assert Models().list_available_services("service-2") == Loader().list_available_services("service-2")


def test_a_service_that_is_none_is_refused_as_botocore_does() -> None:
    with pytest.raises(UnknownServiceError, match="no-such-service"):
        Models().load_service_model("no-such-service", "service-2")


def test_what_a_service_does_not_have_is_missing() -> None:
    with pytest.raises(DataNotFoundError):
        Models().load_service_model("sts", "waiters-2")


def test_models_of_the_users_own_come_first(tmp_path: Path) -> None:
    folder = tmp_path / "sns" / "2010-03-31"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"of": "the user"}')

    assert Models(extra_search_paths=[str(tmp_path)]).load_service_model("sns", "service-2")["of"] == "the user"


def test_a_file_that_is_not_there_is_none(tmp_path: Path) -> None:
    assert Documents().load_file(str(tmp_path / "missing")) is None


def test_a_folder_that_cannot_be_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert Models(extra_search_paths=[str(tmp_path / "file")]).load_service_model("sns", "paginators-1")


def test_a_sessions_clients_are_made_of_them() -> None:
    made = session()

    assert isinstance(made.get_component("data_loader"), Models)
    assert made.create_client("sns", region_name="us-east-1").meta.service_model.service_name == "sns"


def test_sessions_share_one_way_to_look_for_models() -> None:
    for _ in range(3):
        boto3.Session(botocore_session=session())

    paths = session().get_component("data_loader").search_paths
    assert len(paths) == len(set(paths))
    assert boto3.Session(botocore_session=session()).resource("sqs", region_name="us-east-1")
