"""Faults in policies and roles that the gate has to catch: what each does, and what the finding has to say."""

from tests.infra.gate.planting import Fault, allow, let, properties, put, statements, trust, without_key

EVERYBODY = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
STRANGER = {"AWS": "arn:aws:iam::999999999999:root"}
TO_SAGEMAKER = {"ArnLike": {"aws:SourceArn": "arn:aws:sagemaker:us-east-1:123456789012:*"}}
FIRST_TRUST = "AssumeRolePolicyDocument.Statement.0"

FAULTS = [
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
        allow("iam:PassRole", {"Fn::GetAtt": ["BatchJobRole", "Arn"]}),
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
    Fault(
        "a role for anybody's jobs",
        "policies",
        put("BatchJobRole", f"{FIRST_TRUST}.Condition", {}),
        "aws:SourceAccount",
    ),
    Fault(
        "a role for everybody", "policies", put("StartRunRole", f"{FIRST_TRUST}.Principal", "*"), "everybody may assume"
    ),
    Fault(
        "a queue that takes from everybody",
        "policies",
        lambda source, _: properties(source, "DeadLetterQueuePolicy")["PolicyDocument"]["Statement"].append(EVERYBODY),
        "everybody may do this",
    ),
    Fault("a key for another account", "policies", let("Key", Principal=STRANGER, Action="kms:Decrypt"), "no part of"),
    Fault(
        "images for another account",
        "policies",
        let("ImagesBucketPolicy", Principal=STRANGER, Action="s3:GetObject"),
        "no part of this account",
    ),
    Fault(
        "a topic for all but one",
        "policies",
        let("TopicPolicy", NotPrincipal=STRANGER, Action="sns:Publish"),
        "all but a few may do this",
    ),
    Fault(
        "a topic for services of any account that has a number",
        "policies",
        let(
            "TopicPolicy",
            Principal={"Service": "cloudwatch.amazonaws.com"},
            Action="sns:Publish",
            Condition={"StringLike": {"aws:SourceAccount": "*"}},
        ),
        "for any account",
    ),
    Fault(
        "a role for another account", "policies", trust("BatchJobRole", Principal=STRANGER, Condition={}), "no part of"
    ),
    Fault(
        "a role for another account's jobs",
        "policies",
        trust("BatchJobRole", Condition={"StringEquals": {"aws:SourceAccount": "999999999999"}, **TO_SAGEMAKER}),
        "give aws:SourceAccount",
    ),
    Fault(
        "a role for jobs of all accounts but one",
        "policies",
        trust("BatchJobRole", Condition={"StringNotEquals": {"aws:SourceAccount": "123456789012"}, **TO_SAGEMAKER}),
        "give aws:SourceAccount",
    ),
    Fault(
        "a condition that everything meets",
        "policies",
        put("BatchJobRole", f"{FIRST_TRUST}.Condition.ArnLike", {"aws:SourceArn": "*"}),
        "give aws:SourceArn",
    ),
    Fault(
        "a condition that whoever says nothing meets",
        "policies",
        put(
            "BatchJobRole",
            f"{FIRST_TRUST}.Condition",
            {"StringEqualsIfExists": {"aws:SourceAccount": "123456789012"}, **TO_SAGEMAKER},
        ),
        "give aws:SourceAccount",
    ),
    Fault(
        "PassRole to services by a pattern",
        "policies",
        allow(
            "iam:PassRole",
            {"Fn::GetAtt": ["BatchJobRole", "Arn"]},
            Condition={"StringLike": {"iam:PassedToService": "*.amazonaws.com"}},
        ),
        "to any service",
    ),
    Fault("every bucket", "policies", allow("s3:GetObject", "arn:aws:s3:::*/*"), "more than this stack's"),
    Fault(
        "every image of the account, where one is named",
        "policies",
        put(
            "PullContainerPolicy",
            "PolicyDocument.Statement.0.Resource.Fn::If.2.Fn::If.1",
            "arn:aws:ecr:us-east-1:123456789012:repository/*",
        ),
        "more than this stack's",
    ),
    Fault(
        "every role", "policies", allow("sts:AssumeRole", "arn:aws:iam::123456789012:role/*"), "more than this stack"
    ),
    Fault(
        "a role of another account",
        "policies",
        allow("sts:AssumeRole", "arn:aws:iam::999999999999:role/admin"),
        "more than this stack's",
    ),
    Fault(
        "every endpoint",
        "policies",
        allow("sagemaker:InvokeEndpoint", "arn:aws:sagemaker:us-east-1:123456789012:endpoint/*"),
        "more than this stack's",
    ),
    Fault(
        "a function that writes its own permissions",
        "policies",
        allow("iam:PutRolePolicy", {"Fn::GetAtt": ["StartRunRole", "Arn"]}),
        "changes what others may do",
    ),
    Fault(
        "a function that replaces another's code",
        "policies",
        allow("lambda:UpdateFunctionCode", {"Fn::GetAtt": ["PlanInferenceFunction", "Arn"]}),
        "changes what others may do",
    ),
    Fault("the key itself", "policies", allow("kms:Decrypt", {"Fn::GetAtt": ["Key", "Arn"]}), "give kms:ViaService"),
    Fault(
        "grants for anybody",
        "policies",
        allow("kms:CreateGrant", {"Fn::GetAtt": ["Key", "Arn"]}),
        "give kms:GrantIsForAWSResource",
    ),
    # The roles themselves
    Fault(
        "a role with a policy of AWS",
        "roles",
        lambda source, _: properties(source, "StartRunRole")["ManagedPolicyArns"].append(
            "arn:aws:iam::aws:policy/AdministratorAccess"
        ),
        "no policy of this template",
    ),
    Fault(
        "a function with the role of another",
        "roles",
        put("StartRunFunction", "Role", {"Fn::GetAtt": ["PlanInferenceRole", "Arn"]}),
        "they have one role",
    ),
    Fault(
        "jobs of single images with the role of runs",
        "roles",
        put(
            "ProcessImageFunction",
            "Environment.Variables.JOB_ROLE_ARN",
            {"Fn::GetAtt": ["BatchJobRole", "Arn"]},
        ),
        "they have one role",
    ),
    Fault(
        "a model with the role of jobs",
        "roles",
        put("Model", "ExecutionRoleArn", {"Fn::GetAtt": ["BatchJobRole", "Arn"]}),
        "they have one role",
    ),
    Fault("a role that may write and not encrypt", "roles", without_key, "s3:PutObject takes kms:Decrypt"),
]
