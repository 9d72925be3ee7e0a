"""Athena's workgroups in the local cloud, as boto3 sees them."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

CONFIGURATION = {"EnforceWorkGroupConfiguration": True, "BytesScannedCutoffPerQuery": 10_000_000}


@pytest.fixture
def athena(cloud: LocalCloud) -> Any:
    client = cloud.client("athena")
    client.create_work_group(Name="night-runs", Configuration=CONFIGURATION, Tags=[{"Key": "a", "Value": "b"}])
    return client


def test_a_workgroup_is_what_it_was_made_of(athena: Any) -> None:
    workgroup = athena.get_work_group(WorkGroup="night-runs")["WorkGroup"]
    assert (workgroup["State"], workgroup["Configuration"]) == ("ENABLED", CONFIGURATION)


def test_workgroups_are_listed_by_name(athena: Any) -> None:
    athena.create_work_group(Name="days")
    assert [workgroup["Name"] for workgroup in athena.list_work_groups()["WorkGroups"]] == ["days", "night-runs"]


def test_a_workgroup_that_is_deleted_is_gone(athena: Any) -> None:
    athena.delete_work_group(WorkGroup="night-runs", RecursiveDeleteOption=True)
    assert athena.list_work_groups()["WorkGroups"] == []


def test_a_query_is_refused_and_not_answered_with_nothing(athena: Any) -> None:
    with pytest.raises(ClientError, match=r"runs no queries of Athena.*docs/queries.md"):
        athena.start_query_execution(QueryString="SELECT 1", WorkGroup="night-runs")


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("create_work_group", {"Name": "night-runs"}, "InvalidRequestException"),
        ("create_work_group", {"Name": "two words"}, "ValidationException"),
        ("get_work_group", {"WorkGroup": "none"}, "InvalidRequestException"),
        ("delete_work_group", {"WorkGroup": "none"}, "InvalidRequestException"),
    ],
)
def test_what_cannot_be_is_refused(athena: Any, operation: str, parameters: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(athena, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == code
