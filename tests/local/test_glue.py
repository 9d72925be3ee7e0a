"""Glue's catalog in the local cloud, as boto3 sees it."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from pipeline.local.cloud import LocalCloud

TABLE = {"Name": "Predictions", "StorageDescriptor": {"Columns": [{"Name": "key", "Type": "string"}]}}


@pytest.fixture
def glue(cloud: LocalCloud) -> Any:
    client = cloud.client("glue")
    client.create_database(DatabaseInput={"Name": "Night_Runs"})
    return client


def test_names_are_kept_in_lower_case_and_found_in_any(glue: Any) -> None:
    glue.create_table(DatabaseName="night_runs", TableInput=TABLE)

    assert [database["Name"] for database in glue.get_databases()["DatabaseList"]] == ["night_runs"]
    assert glue.get_table(DatabaseName="NIGHT_RUNS", Name="PREDICTIONS")["Table"]["Name"] == "predictions"


def test_a_table_is_what_it_was_made_of(glue: Any) -> None:
    glue.create_table(DatabaseName="night_runs", TableInput=TABLE)

    (table,) = glue.get_tables(DatabaseName="night_runs")["TableList"]
    assert table["StorageDescriptor"] == TABLE["StorageDescriptor"]
    assert table["DatabaseName"] == "night_runs"


def test_an_update_takes_the_place_of_what_was_there(glue: Any) -> None:
    glue.create_table(DatabaseName="night_runs", TableInput=TABLE)
    glue.update_table(DatabaseName="night_runs", TableInput={"Name": "predictions", "Description": "new"})
    glue.update_database(Name="night_runs", DatabaseInput={"Name": "night_runs", "Description": "new"})

    table = glue.get_table(DatabaseName="night_runs", Name="predictions")["Table"]
    assert (table["Description"], "StorageDescriptor" in table) == ("new", False)
    assert glue.get_database(Name="night_runs")["Database"]["Description"] == "new"


def test_a_database_goes_with_its_tables(glue: Any) -> None:
    glue.create_table(DatabaseName="night_runs", TableInput=TABLE)
    glue.delete_database(Name="night_runs")
    glue.create_database(DatabaseInput={"Name": "night_runs"})

    assert glue.get_tables(DatabaseName="night_runs")["TableList"] == []


@pytest.mark.parametrize(
    ("operation", "parameters", "code"),
    [
        ("create_database", {"DatabaseInput": {"Name": "NIGHT_RUNS"}}, "AlreadyExistsException"),
        ("get_database", {"Name": "days"}, "EntityNotFoundException"),
        ("get_table", {"DatabaseName": "night_runs", "Name": "none"}, "EntityNotFoundException"),
        ("delete_table", {"DatabaseName": "night_runs", "Name": "none"}, "EntityNotFoundException"),
        ("update_table", {"DatabaseName": "night_runs", "TableInput": {"Name": "none"}}, "EntityNotFoundException"),
        ("create_table", {"DatabaseName": "days", "TableInput": {"Name": "none"}}, "EntityNotFoundException"),
        ("create_table", {"DatabaseName": "night_runs"}, "InvalidInputException"),
        ("create_database", {"CatalogId": "999", "DatabaseInput": {"Name": "other"}}, "EntityNotFoundException"),
        ("create_database", {"DatabaseInput": {"Name": "x" * 256}}, "ValidationException"),
    ],
)
def test_what_cannot_be_is_refused_in_the_words_of_the_service(
    glue: Any, operation: str, parameters: dict[str, Any], code: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(glue, operation)(**parameters)
    assert refused.value.response["Error"]["Code"] == code


def test_a_table_that_is_deleted_is_gone(glue: Any) -> None:
    glue.create_table(DatabaseName="night_runs", TableInput=TABLE)
    glue.delete_table(DatabaseName="night_runs", Name="predictions")

    assert glue.get_tables(DatabaseName="night_runs")["TableList"] == []
