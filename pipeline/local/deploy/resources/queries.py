"""What queries need: databases and tables of Glue's catalog, and workgroups of Athena.

The catalog is in memory, and made anew with each deployment: what an earlier one of the same cloud left is replaced.
"""

from contextlib import suppress
from typing import Any

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick


def create_database(target: Target, properties: Properties) -> Created:
    glue = target.client("glue")
    given = {"Name": target.name().replace("-", "_"), **properties["DatabaseInput"]}
    named = {**pick(properties, "CatalogId"), "DatabaseInput": given}
    try:
        glue.create_database(**named)
    except glue.exceptions.AlreadyExistsException:
        glue.update_database(Name=given["Name"], **named)
    return Created(given["Name"])


def delete_database(target: Target, name: str) -> None:
    glue = target.client("glue")
    with suppress(glue.exceptions.EntityNotFoundException):
        glue.delete_database(Name=name)


def create_table(target: Target, properties: Properties) -> Created:
    glue = target.client("glue")
    named = pick(properties, "CatalogId", "DatabaseName", "TableInput")
    try:
        glue.create_table(**named)
    except glue.exceptions.AlreadyExistsException:
        glue.update_table(**named)
    return Created(properties["TableInput"]["Name"])


def create_workgroup(target: Target, properties: Properties) -> Created:
    athena = target.client("athena")
    with suppress(athena.exceptions.InvalidRequestException):
        athena.delete_work_group(WorkGroup=properties["Name"], RecursiveDeleteOption=True)
    configuration = {"Configuration": _configuration(target, properties)}
    athena.create_work_group(**pick(properties, "Description", "Name", "Tags"), **configuration)
    return Created(properties["Name"])


def delete_workgroup(target: Target, name: str) -> None:
    athena = target.client("athena")
    with suppress(athena.exceptions.InvalidRequestException):
        athena.delete_work_group(WorkGroup=name, RecursiveDeleteOption=True)


def _configuration(target: Target, properties: Properties) -> dict[str, Any]:
    """As the API takes it: numbers and truths, where parameters of a template are text."""
    path = "WorkGroupConfiguration"
    truths = ("EnforceWorkGroupConfiguration", "PublishCloudWatchMetricsEnabled", "RequesterPaysEnabled")
    limit = "BytesScannedCutoffPerQuery"
    given = inside(target, properties.get(path, {}), path, *truths, limit, "EngineVersion", "ResultConfiguration")
    api = pick(given, "EngineVersion", "ResultConfiguration")
    api |= {name: str(given[name]).lower() == "true" for name in truths if name in given}
    if limit in given:
        api[limit] = int(given[limit])
    return api


TYPES = {
    "AWS::Glue::Database": ResourceType(
        create_database,
        properties=frozenset({"CatalogId", "DatabaseInput"}),
        required=frozenset({"CatalogId", "DatabaseInput"}),
        delete=delete_database,
    ),
    # A table that leaves its stack goes with its database, or stays where nobody looks: Ref does not name the database.
    "AWS::Glue::Table": ResourceType(
        create_table,
        properties=frozenset({"CatalogId", "DatabaseName", "TableInput"}),
        required=frozenset({"CatalogId", "DatabaseName", "TableInput"}),
    ),
    "AWS::Athena::WorkGroup": ResourceType(
        create_workgroup,
        properties=frozenset({"Description", "Name", "Tags", "WorkGroupConfiguration"}),
        required=frozenset({"Name"}),
        meaningless={"RecursiveDeleteOption": "a workgroup that is gone had no history: no query ran in it"},
        delete=delete_workgroup,
    ),
}
