"""What a template makes for queries: a database, tables, a workgroup."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import TemplateError, deploy

TEMPLATE = """
    Parameters:
      Limit: {Type: Number, Default: 20000000}
    Resources:
      Database:
        Type: AWS::Glue::Database
        Properties:
          CatalogId: !Ref AWS::AccountId
          DatabaseInput: {Name: !Join [_, !Split ["-", !Ref AWS::StackName]]}
      Table:
        Type: AWS::Glue::Table
        Properties:
          CatalogId: !Ref AWS::AccountId
          DatabaseName: !Ref Database
          TableInput: {Name: predictions, Description: TOLD}
      WorkGroup:
        Type: AWS::Athena::WorkGroup
        Properties:
          Name: !Ref AWS::StackName
          WorkGroupConfiguration: {BytesScannedCutoffPerQuery: !Ref Limit, EnforceWorkGroupConfiguration: "true"}
    Outputs:
      Database: {Value: !Ref Database}
      Table: {Value: !Ref Table}
      WorkGroup: {Value: !Ref WorkGroup}
"""
ANOTHER = "Resources: {Topic: {Type: AWS::SNS::Topic}}"


def test_database_table_and_workgroup_are_called_as_the_template_says(
    cloud: LocalCloud, template: Callable[[str], Path]
) -> None:
    stack = deploy(cloud, template(TEMPLATE), {}, "night-runs")
    assert stack.outputs == {"Database": "night_runs", "Table": "predictions", "WorkGroup": "night-runs"}


def test_numbers_and_truths_of_a_workgroup_may_be_text_in_a_template(
    cloud: LocalCloud, template: Callable[[str], Path]
) -> None:
    deploy(cloud, template(TEMPLATE), {"Limit": "30000000"}, "night-runs")
    configuration = cloud.client("athena").get_work_group(WorkGroup="night-runs")["WorkGroup"]["Configuration"]
    assert configuration == {"BytesScannedCutoffPerQuery": 30_000_000, "EnforceWorkGroupConfiguration": True}


def test_a_stack_that_is_deployed_again_changes_what_is_there(
    cloud: LocalCloud, template: Callable[[str], Path]
) -> None:
    deploy(cloud, template(TEMPLATE), {}, "night-runs")
    deploy(cloud, template(TEMPLATE.replace("TOLD", "told anew")), {"Limit": "30000000"}, "night-runs")

    table = cloud.client("glue").get_table(DatabaseName="night_runs", Name="predictions")["Table"]
    assert table["Description"] == "told anew"
    workgroup = cloud.client("athena").get_work_group(WorkGroup="night-runs")["WorkGroup"]
    assert workgroup["Configuration"]["BytesScannedCutoffPerQuery"] == 30_000_000


def test_what_a_stack_no_longer_has_is_deleted(cloud: LocalCloud, template: Callable[[str], Path]) -> None:
    deploy(cloud, template(TEMPLATE), {}, "night-runs")
    deploy(cloud, template(ANOTHER), {}, "night-runs")

    assert cloud.client("glue").get_databases()["DatabaseList"] == []
    assert cloud.client("athena").list_work_groups()["WorkGroups"] == []


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("EnforceWorkGroupConfiguration", "Enforce", "WorkGroupConfiguration: Enforce is not understood"),
        ("Default: 20000000", "Default: 2", "BytesScannedCutoffPerQuery"),
        ("TableInput: {Name: predictions, Description: TOLD}", "TableInput: {Description: TOLD}", "Name"),
    ],
)
def test_what_the_services_do_not_take_is_refused(
    cloud: LocalCloud, template: Callable[[str], Path], before: str, after: str, said: str
) -> None:
    with pytest.raises(TemplateError, match=said):
        deploy(cloud, template(TEMPLATE.replace(before, after)), {}, "night-runs")
