"""State machines, with the substitutions of their definition."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.local.deploy.errors import TemplateError
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside
from pipeline.local.deploy.template import LOCAL_SOURCE

_VARIABLE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


def create_state_machine(target: Target, properties: Properties) -> Created:
    path = f"Resources.{target.logical_id}.Properties"
    name = properties.get("StateMachineName", target.name(longest=80))
    definition = substitute(_definition(target, properties, path), properties.get("DefinitionSubstitutions", {}), path)
    type_ = properties.get("StateMachineType", "STANDARD")
    tags = [{"key": tag["Key"], "value": tag["Value"]} for tag in properties.get("Tags", [])]
    stepfunctions = target.client("stepfunctions")
    arn = f"arn:aws:states:{target.region}:{target.account_id}:stateMachine:{name}"
    before = _existing(stepfunctions, arn)
    if before and before["type"] != type_:  # which nothing changes
        delete_state_machine(target, arn)
        before = {}
    wanted = {"definition": definition, "roleArn": properties["RoleArn"]}
    if not before:
        stepfunctions.create_state_machine(name=name, type=type_, tags=tags, **wanted)
    else:
        stepfunctions.tag_resource(resourceArn=arn, tags=tags)
        if any(before[member] != value for member, value in wanted.items()):
            stepfunctions.update_state_machine(stateMachineArn=arn, **wanted)
    revision = stepfunctions.describe_state_machine(stateMachineArn=arn)["revisionId"]
    return Created(arn, {"Arn": arn, "Name": name, "StateMachineRevisionId": revision})


def create_version(target: Target, properties: Properties) -> Created:
    given = {"stateMachineArn": properties["StateMachineArn"]}
    if "Description" in properties:
        given["description"] = properties["Description"]
    arn = target.client("stepfunctions").publish_state_machine_version(**given)["stateMachineVersionArn"]
    return Created(arn, {"Arn": arn})


def create_alias(target: Target, properties: Properties) -> Created:
    """An alias of one version: by its routes, or by a deployment preference, which shifts all at once here."""
    stepfunctions = target.client("stepfunctions")
    preference = properties.get("DeploymentPreference")
    if preference:
        inside(target, preference, "DeploymentPreference", "StateMachineVersionArn", "Type")
        routes = [{"stateMachineVersionArn": preference["StateMachineVersionArn"], "weight": 100}]
    else:
        routes = [
            {"stateMachineVersionArn": route["StateMachineVersionArn"], "weight": int(route["Weight"])}
            for route in properties["RoutingConfiguration"]
        ]
    described = {"description": properties["Description"]} if "Description" in properties else {}
    arn = f"{routes[0]['stateMachineVersionArn'].rpartition(':')[0]}:{properties['Name']}"
    try:
        stepfunctions.update_state_machine_alias(stateMachineAliasArn=arn, routingConfiguration=routes, **described)
    except stepfunctions.exceptions.ResourceNotFound:
        stepfunctions.create_state_machine_alias(name=properties["Name"], routingConfiguration=routes, **described)
    return Created(arn, {"Arn": arn})


def delete_state_machine(target: Target, arn: str) -> None:
    target.client("stepfunctions").delete_state_machine(stateMachineArn=arn)


def _existing(stepfunctions: Any, arn: str) -> Mapping[str, Any]:
    """The state machine of an ARN, as an earlier deployment left it; empty where there is none."""
    try:
        found: Mapping[str, Any] = stepfunctions.describe_state_machine(stateMachineArn=arn)
    except stepfunctions.exceptions.StateMachineDoesNotExist:
        return {}
    return found


def substitute(definition: str, substitutions: Mapping[str, Any], path: str) -> str:
    """`definition` with each `${Name}` replaced, as text, by its substitution.

    CloudFormation leaves a name without a substitution as it is, and says nothing of a substitution without a name.
    Both are mistakes that would show only when the state runs, so both are a TemplateError here.
    """
    names = set(_VARIABLE.findall(definition))
    problems = [
        *(
            f"{path}.DefinitionSubstitutions: the definition has ${{{name}}}, and there is no substitution for it"
            for name in sorted(names - set(substitutions))
        ),
        *(
            f"{path}.DefinitionSubstitutions: {name} stands nowhere in the definition"
            for name in sorted(set(substitutions) - names)
        ),
    ]
    if problems:
        raise TemplateError(*problems)
    return _VARIABLE.sub(lambda match: str(substitutions[match[1]]), definition)


def _definition(target: Target, properties: Properties, path: str) -> str:
    if "DefinitionString" in properties:
        return str(properties["DefinitionString"])
    if "Definition" in properties:
        return json.dumps(properties["Definition"])
    location = properties.get("DefinitionS3Location", {})
    if {"Bucket", "Key"} - set(location):
        raise TemplateError(f"{path}: expected a definition, got DefinitionS3Location {location}")
    if location["Bucket"] == LOCAL_SOURCE:
        return Path(location["Key"]).read_text(encoding="utf-8")
    body = target.client("s3").get_object(Bucket=location["Bucket"], Key=location["Key"])["Body"]
    return str(body.read().decode())


TYPES = {
    "AWS::StepFunctions::StateMachine": ResourceType(
        create_state_machine,
        properties=frozenset(
            {
                "Definition",
                "DefinitionS3Location",
                "DefinitionString",
                "DefinitionSubstitutions",
                "RoleArn",
                "StateMachineName",
                "StateMachineType",
                "Tags",
            }
        ),
        required=frozenset({"RoleArn"}),
        attributes=frozenset({"Arn", "Name", "StateMachineRevisionId"}),
        meaningless={
            "LoggingConfiguration": "the history of every execution is kept in full",
            "TracingConfiguration": "there is no X-Ray here",
        },
        delete=delete_state_machine,
    ),
    "AWS::StepFunctions::StateMachineVersion": ResourceType(
        create_version,
        properties=frozenset({"Description", "StateMachineArn"}),
        required=frozenset({"StateMachineArn"}),
        attributes=frozenset({"Arn"}),
        meaningless={"StateMachineRevisionId": "what is published is what the stack has just written"},
    ),
    "AWS::StepFunctions::StateMachineAlias": ResourceType(
        create_alias,
        properties=frozenset({"DeploymentPreference", "Description", "Name", "RoutingConfiguration"}),
        required=frozenset({"Name"}),
        attributes=frozenset({"Arn"}),
    ),
}
