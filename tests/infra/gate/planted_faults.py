"""Faults that the gate has to catch: what each does to the stack, and which check sees it."""

from tests.infra.gate.planted_in_policies import FAULTS as IN_POLICIES
from tests.infra.gate.planting import Fault, add, properties, put, rename, state, unreachable, without_policy

TLS = "PolicyDocument.Statement.0"
JOB = "RunProcessingJob"

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
    Fault(
        "a job whose outputs are not encrypted",
        "definitions",
        state(JOB, lambda s: s["Parameters"]["ProcessingOutputConfig"].pop("KmsKeyId")),
        "encrypt with the stack's key",
    ),
    Fault("a Retry of nothing", "definitions", state(JOB, lambda s: s["Retry"][0].pop("ErrorEquals")), "ErrorEquals"),
    *IN_POLICIES,
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
        "refuses whoever comes without TLS",
    ),
    Fault(
        "a bucket that is reached without TLS by most",
        "rules",
        put("ImagesBucketPolicy", f"{TLS}.Principal", {"AWS": "arn:aws:iam::123456789012:root"}),
        "refuses whoever comes without TLS",
    ),
    Fault(
        "a bucket whose objects are reached without TLS",
        "rules",
        put("ImagesBucketPolicy", f"{TLS}.Resource", [{"Fn::GetAtt": ["ImagesBucket", "Arn"]}]),
        "refuses whoever comes without TLS",
    ),
    Fault(
        "a function that everybody may call",
        "rules",
        put("ReportFailurePermission", "Principal", "*"),
        "not by everybody",
    ),
    Fault(
        "a function that any rule may call",
        "rules",
        put("ReportFailurePermission", "SourceArn", None),
        "called by one rule",
    ),
    Fault(
        "results that end",
        "rules",
        put("ResultsBucket", "LifecycleConfiguration.Rules.3.ExpirationInDays", 30),
        "results and images stay",
    ),
    Fault(
        "shards that never end",
        "rules",
        lambda source, _: properties(source, "ResultsBucket")["LifecycleConfiguration"]["Rules"].pop(0),
        "shards end",
    ),
    Fault("a user", "rules", add("AWS::IAM::User"), "no users and no access keys"),
    Fault(
        "a secret among the parameters",
        "rules",
        lambda source, _: source["Parameters"].update(DatabasePassword={"Type": "String"}),
        "Secrets Manager",
    ),
    Fault(
        "a secret given to builds",
        "rules",
        lambda source, _: properties(source, "ContainerProject")["Environment"]["EnvironmentVariables"].append(
            {"Name": "REGISTRY_TOKEN", "Value": "text"}
        ),
        "Secrets Manager",
    ),
    Fault(
        "a group that lets out",
        "rules",
        put("NetworkGroup", "SecurityGroupEgress", [{"IpProtocol": "-1", "CidrIp": "0.0.0.0/0"}]),
        "lets HTTPS out",
    ),
    Fault(
        "a group that another lets in",
        "rules",
        put("NetworkGroupIngress", "CidrIp", "0.0.0.0/0"),
        "lets nothing in",
    ),
    Fault(
        "a VPC endpoint for everything", "rules", put("S3VpcEndpoint", "PolicyDocument", None), "says what may be done"
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
    Fault(
        "a role without a boundary", "rules", put("BatchJobRole", "PermissionsBoundary", None), "permissions boundary"
    ),
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
        put("Model", "ExecutionRoleArn", {"Fn::GetAtt": ["ModelRol", "Arn"]}),
        "ModelRol",
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
