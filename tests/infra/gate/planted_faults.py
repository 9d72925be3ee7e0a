"""Faults that the gate has to catch: what each does to the stack, and which check sees it."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

Source = dict[str, Any]
Definitions = dict[str, str]


class Fault(NamedTuple):
    name: str
    check: str
    plant: Callable[[Source, Definitions], None]
    said: str
    """What the finding has to say, so that nothing else is taken for it."""


def properties(source: Source, name: str) -> dict[str, Any]:
    found: dict[str, Any] = source["Resources"][name]["Properties"]
    return found


def statements(source: Source, role: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = properties(source, role)["Policies"][0]["PolicyDocument"]["Statement"]
    return found


def allow(action: Any, resource: Any, **more: Any) -> Callable[[Source, Definitions], None]:
    """One more statement in the role of StartRun."""

    def plant(source: Source, _: Definitions) -> None:
        statements(source, "StartRunRole").append({"Effect": "Allow", "Action": action, "Resource": resource, **more})

    return plant


def put(name: str, path: str, value: Any) -> Callable[[Source, Definitions], None]:
    """A property of a resource changed; or taken away, where the value is None."""

    def plant(source: Source, _: Definitions) -> None:
        *folders, last = path.split(".")
        node = properties(source, name)
        for folder in folders:
            node = node[int(folder)] if isinstance(node, list) else node[folder]
        if value is None:
            del node[last]
        else:
            node[last] = value

    return plant


def state(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[Source, Definitions], None]:
    """A state of the batch machine changed, at whatever depth it is."""

    def plant(_: Source, definitions: Definitions) -> None:
        definition = json.loads(definitions["BatchStateMachine"])
        change(_find(definition, name))
        definitions["BatchStateMachine"] = json.dumps(definition)

    return plant


def _find(branch: dict[str, Any], name: str) -> dict[str, Any]:
    if name in branch["States"]:
        found: dict[str, Any] = branch["States"][name]
        return found
    inner = [each["ItemProcessor"] for each in branch["States"].values() if "ItemProcessor" in each]
    return next(_find(each, name) for each in inner if f'"{name}": {{' in json.dumps(each))


def rename(old: str, new: str) -> Callable[[dict[str, Any]], None]:
    """A parameter of a state misspelt."""

    def change(node: dict[str, Any]) -> None:
        node["Parameters"][new] = node["Parameters"].pop(old)

    return change


def unreachable(_: Source, definitions: Definitions) -> None:
    definition = json.loads(definitions["BatchStateMachine"])
    definition["States"]["Lost"] = {"Type": "Pass", "End": True}
    definitions["BatchStateMachine"] = json.dumps(definition)


def without_policy(source: Source, _: Definitions) -> None:
    del source["Resources"]["ResultsBucketPolicy"]


def without_key(source: Source, _: Definitions) -> None:
    properties(source, "PlanRetryRole")["ManagedPolicyArns"] = []


EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
JOB = "RunProcessingJob"
FIRST_TRUST = "AssumeRolePolicyDocument.Statement.0"

FAULTS = [
    # Definitions
    Fault("a dangling Next", "definitions", state("PlanInference", lambda s: s.update(Next="Nowhere")), "Nowhere"),
    Fault("a state that nothing leads to", "definitions", unreachable, "Lost"),
    Fault(
        "a misspelt SageMaker parameter", "definitions", state(JOB, rename("Environment", "Enviroment")), "Enviroment"
    ),
    Fault(
        "a missing parameter", "definitions", state(JOB, lambda s: s["Parameters"].pop("RoleArn")), "RoleArn is missing"
    ),
    Fault(
        "a word that the API does not have",
        "definitions",
        state(JOB, lambda s: s["Parameters"]["ProcessingInputs"][0]["S3Input"].update(S3InputMode="Fast")),
        "S3InputMode is none of",
    ),
    Fault(
        "a task that may wait for ever", "definitions", state("Notify", lambda s: s.pop("TimeoutSeconds")), "for ever"
    ),
    Fault(
        "a call that there is not",
        "definitions",
        state("Notify", lambda s: s.update(Resource="arn:aws:states:::sns:publsh")),
        "publsh",
    ),
    Fault(
        "an unused substitution",
        "definitions",
        put("BatchStateMachine", "DefinitionSubstitutions.Spare", "text"),
        "Spare stands nowhere",
    ),
    Fault(
        "a missing substitution",
        "definitions",
        put("BatchStateMachine", "DefinitionSubstitutions.TopicArn", None),
        "${TopicArn} has no substitution",
    ),
    Fault("a Retry of nothing", "definitions", state(JOB, lambda s: s["Retry"][0].pop("ErrorEquals")), "ErrorEquals"),
    # Policies
    Fault("a wildcard action", "policies", allow("s3:*", "arn:aws:s3:::photos/*"), "s3:* allows more"),
    Fault("an action on every resource", "policies", allow("s3:GetObject", "*"), "on every resource"),
    Fault(
        "PassRole on *",
        "policies",
        allow("iam:PassRole", "*", Condition={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
        "iam:PassRole on *",
    ),
    Fault(
        "PassRole to any service",
        "policies",
        allow("iam:PassRole", {"Fn::GetAtt": ["JobRole", "Arn"]}),
        "without iam:PassedToService",
    ),
    Fault("a misspelt action", "policies", allow("s3:GetObjekt", "arn:aws:s3:::photos/*"), "UNKNOWN_ACTION"),
    Fault(
        "an action on what it does not take",
        "policies",
        allow("s3:GetObject", {"Fn::GetAtt": ["ImagesBucket", "Arn"]}),
        "RESOURCE_MISMATCH",
    ),
    Fault(
        "a condition that the action does not know",
        "policies",
        allow("s3:GetObject", "arn:aws:s3:::photos/*", Condition={"StringEquals": {"s3:prefx": "a"}}),
        "UNKNOWN_CONDITION_FOR_ACTION",
    ),
    Fault(
        "what is allowed said by what is not",
        "policies",
        lambda source, _: statements(source, "StartRunRole").append(
            {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}
        ),
        "not what it does not",
    ),
    Fault("a role for anybody's jobs", "policies", put("JobRole", f"{FIRST_TRUST}.Condition", {}), "aws:SourceAccount"),
    Fault(
        "a role for everybody", "policies", put("StartRunRole", f"{FIRST_TRUST}.Principal", "*"), "everybody may assume"
    ),
    Fault(
        "a queue that takes from everybody",
        "policies",
        lambda source, _: properties(source, "DeadLetterQueuePolicy")["PolicyDocument"]["Statement"].append(EVERYBODY),
        "everybody may do this",
    ),
    # The key
    Fault("a role that may write and not encrypt", "roles", without_key, "s3:PutObject takes kms:Decrypt"),
    # Rules
    Fault(
        "a public bucket",
        "rules",
        put("ImagesBucket", "PublicAccessBlockConfiguration.BlockPublicPolicy", False),
        "blocks public policies",
    ),
    Fault(
        "a bucket without the key",
        "rules",
        put(
            "ImagesBucket",
            "BucketEncryption.ServerSideEncryptionConfiguration.0.ServerSideEncryptionByDefault",
            {"SSEAlgorithm": "AES256"},
        ),
        "a bucket is encrypted",
    ),
    Fault("a bucket without versions", "rules", put("ResultsBucket", "VersioningConfiguration", None), "brought back"),
    Fault("a bucket that is reached without TLS", "rules", without_policy, "without TLS"),
    Fault(
        "a topic that is reached without TLS",
        "rules",
        lambda source, _: [
            entry.pop("Condition") for entry in properties(source, "TopicPolicy")["PolicyDocument"]["Statement"]
        ],
        "a topic talks TLS only",
    ),
    Fault("a table without the key", "rules", put("LedgerTable", "SSESpecification", None), "a table is encrypted"),
    Fault("a topic under AWS's key", "rules", put("Topic", "KmsMasterKeyId", "alias/aws/sns"), "no alarm may publish"),
    Fault("a queue without the key", "rules", put("DeadLetterQueue", "KmsMasterKeyId", None), "a queue is encrypted"),
    Fault("a log group without the key", "rules", put("StartRunLogs", "KmsKeyId", None), "a log group is encrypted"),
    Fault("logs for ever", "rules", put("BatchLogs", "RetentionInDays", None), "logs are kept"),
    Fault("a key that stays the same", "rules", put("Key", "EnableKeyRotation", False), "a key is rotated"),
    Fault("a state machine without logs", "rules", put("BatchStateMachine", "Logging", None), "a state machine logs"),
    Fault("a state machine without traces", "rules", put("BatchStateMachine", "Tracing", None), "is traced"),
    Fault(
        "logs with other people's data",
        "rules",
        put("BatchStateMachine", "Logging.IncludeExecutionData", True),
        "no object keys",
    ),
    Fault("a model with a network", "rules", put("Model", "EnableNetworkIsolation", False), "needs no network"),
    Fault("a role without a boundary", "rules", put("JobRole", "PermissionsBoundary", None), "permissions boundary"),
    Fault("an address for everybody", "rules", put("PredictImageAddress", "AuthType", "NONE"), "signs the request"),
    Fault(
        "a group that lets in",
        "rules",
        put("NetworkGroup", "SecurityGroupIngress", [{"IpProtocol": "tcp", "CidrIp": "0.0.0.0/0"}]),
        "lets nothing in",
    ),
    # What cfn-lint and checkov know
    Fault(
        "a property that there is not",
        "cfn-lint",
        put("ImagesBucket", "Versioning", {"Status": "Enabled"}),
        "Versioning",
    ),
    Fault(
        "a reference to nothing",
        "cfn-lint",
        put("Model", "ExecutionRoleArn", {"Fn::GetAtt": ["JobRol", "Arn"]}),
        "JobRol",
    ),
    Fault("a value that there is not", "cfn-lint", put("LedgerTable", "BillingMode", "PER_REQUEST"), "PER_REQUEST"),
    Fault(
        "a secret in the template",
        "checkov",
        lambda source, _: properties(source, "StartRunFunction")["Environment"]["Variables"].update(
            TOKEN="AKIAIOSFODNN7EXAMPLE", SECRET="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
        ),
        "CKV_AWS_45",
    ),
    Fault(
        "a bucket that everybody may read",
        "checkov",
        put("ResultsBucket", "AccessControl", "PublicRead"),
        "CKV_AWS_20",
    ),
]
