"""A stack that is deployed again, by a later cloud in the folder of an earlier one."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy

TEMPLATE = """
Parameters:
  Word: {{Type: String, Default: first}}
Resources:
  Photos: {{Type: AWS::S3::Bucket, Properties: {{VersioningConfiguration: {{Status: Suspended}}}}}}
  Topic: {{Type: AWS::SNS::Topic}}
  Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument:
        Version: "2012-10-17"
        Statement: [{{Effect: Allow, Principal: {{Service: states.amazonaws.com}}, Action: sts:AssumeRole}}]
  {machine}:
    Type: AWS::StepFunctions::StateMachine
    Properties:
      StateMachineName: {machine}
      StateMachineType: {type}
      RoleArn: !GetAtt Role.Arn
      Definition: {{StartAt: Say, States: {{Say: {{Type: Pass, Result: "${{Word}}", End: true}}}}}}
      DefinitionSubstitutions: {{Word: !Ref Word}}
Outputs:
  Machine: {{Value: !Ref {machine}}}
  Photos: {{Value: !Ref Photos}}
"""
Deploy = Callable[..., tuple[LocalCloud, Mapping[str, str]]]


@pytest.fixture
def deployed(tmp_path: Path) -> Any:
    """Closes the cloud that there is, starts one in the same folder, and deploys the stack into it."""
    clouds: list[LocalCloud] = []

    def start(machine: str = "Machine", kind: str = "STANDARD", **parameters: str) -> Any:
        for cloud in clouds:
            cloud.close()
        clouds.append(LocalCloud(tmp_path / "state"))
        path = tmp_path / "template.yaml"
        path.write_text(TEMPLATE.format(machine=machine, type=kind))
        return clouds[-1], deploy(clouds[-1], path, parameters, "again").outputs

    yield start
    for cloud in clouds:
        cloud.close()


def output_of(cloud: LocalCloud, machine: str) -> str:
    states = cloud.client("stepfunctions")
    arn = states.start_execution(stateMachineArn=machine)["executionArn"]
    while (execution := states.describe_execution(executionArn=arn))["status"] == "RUNNING":
        pass
    return str(execution["output"])


def test_outputs_objects_and_executions_are_those_from_before(deployed: Deploy) -> None:
    cloud, before = deployed()
    cloud.client("s3").put_object(Bucket=before["Photos"], Key="photo", Body=b"light")
    output_of(cloud, before["Machine"])
    cloud, after = deployed()
    assert after == before
    assert cloud.client("s3").get_object(Bucket=before["Photos"], Key="photo")["Body"].read() == b"light"
    listed = cloud.client("stepfunctions").list_executions(stateMachineArn=after["Machine"])["executions"]
    assert [execution["status"] for execution in listed] == ["SUCCEEDED"]


def test_a_definition_that_changed_is_what_runs_from_then_on(deployed: Deploy) -> None:
    cloud, outputs = deployed(Word="first")
    assert output_of(cloud, outputs["Machine"]) == '"first"'
    cloud, outputs = deployed(Word="second")
    assert output_of(cloud, outputs["Machine"]) == '"second"'


def test_a_state_machine_that_is_no_longer_in_the_template_is_deleted(deployed: Deploy) -> None:
    deployed(machine="Old")
    cloud, _ = deployed(machine="New")
    machines = cloud.client("stepfunctions").list_state_machines()["stateMachines"]
    assert [machine["name"] for machine in machines] == ["New"]


def test_a_state_machine_of_another_type_takes_the_place_of_the_old_one(deployed: Deploy) -> None:
    deployed(kind="EXPRESS")
    cloud, outputs = deployed(kind="STANDARD")
    described = cloud.client("stepfunctions").describe_state_machine(stateMachineArn=outputs["Machine"])
    assert described["type"] == "STANDARD"


def test_cloudformation_tells_when_the_stack_was_made_and_when_it_was_deployed_again(deployed: Deploy) -> None:
    cloud, _ = deployed()
    (before,) = cloud.client("cloudformation").describe_stacks(StackName="again")["Stacks"]
    cloud, _ = deployed()
    (after,) = cloud.client("cloudformation").describe_stacks(StackName="again")["Stacks"]
    assert after["CreationTime"] == before["CreationTime"]
    assert after["LastUpdatedTime"] > before["CreationTime"]
    assert after["StackStatus"] == "UPDATE_COMPLETE"
