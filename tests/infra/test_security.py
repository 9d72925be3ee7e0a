"""What keeps the stack closed: who may assume a role, what a role may touch, and who reaches a bucket or topic."""

import json
import re

import pytest

from pipeline.local.deploy.intrinsics import resolve

# Actions that know no resources, and the policies that hold them and nothing else.
WITHOUT_RESOURCES = {
    "TracingPolicy": {"xray"},
    "PullAndMeasurePolicy": {"ecr", "cloudwatch"},
    "log-in-to-registry": {"ecr"},
    "read-quotas": {"servicequotas"},
    "list-jobs": {"sagemaker"},
    "find-jobs": {"sagemaker"},
    "log-delivery": {"logs"},
    "NetworkPolicy": {"ec2"},
    "ModelNetworkPolicy": {"ec2"},
}
ARN_OPERATORS = ("ArnLike", "ArnEquals", "ArnLikeIfExists")
# What Step Functions does for a task or a map, beyond the call that the resource names.
NEEDED = {
    "lambda:invoke": {"lambda:InvokeFunction"},
    "sns:publish": {"sns:Publish"},
    "events:putEvents": {"events:PutEvents"},
    "s3:listObjectsV2": {"s3:ListBucket"},
    "s3:getObject": {"s3:GetObject"},
    "s3:putObject": {"s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"},
    "sagemaker:createTransformJob.sync": {
        "sagemaker:CreateTransformJob",
        "sagemaker:DescribeTransformJob",
        "sagemaker:StopTransformJob",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
    },
    "sagemaker:createProcessingJob.sync": {
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "sagemaker:StopProcessingJob",
        "sagemaker:AddTags",
        "sagemaker:ListTags",
        "iam:PassRole",
        "events:PutTargets",
        "events:PutRule",
        "events:DescribeRule",
    },
}
# By the AWS SDK, which is one call; what it lists knows no resource.
NEEDED |= {f"aws-sdk:sagemaker:list{kind}Jobs": set() for kind in ("Processing", "Transform")}
NEEDED |= {f"aws-sdk:sagemaker:stop{kind}Job": {f"sagemaker:Stop{kind}Job"} for kind in ("Processing", "Transform")}
DISTRIBUTED_MAP = {
    "states:StartExecution",
    "states:DescribeExecution",
    "states:StopExecution",
    "states:RedriveExecution",
}


def listed(value):
    return value if isinstance(value, list) else [value]


@pytest.fixture(scope="module")
def policies(of_type):
    """Every policy of every role, as pairs of a name and its statements."""
    managed = of_type("AWS::IAM::ManagedPolicy").items()
    inline = [policy for role in of_type("AWS::IAM::Role").values() for policy in role.get("Policies", [])]
    return [
        *((name, properties["PolicyDocument"]["Statement"]) for name, properties in managed),
        *((policy["PolicyName"], policy["PolicyDocument"]["Statement"]) for policy in inline),
    ]


def test_only_this_account_s_resources_assume_a_role(of_type):
    for name, role in of_type("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        if "AWS" in statement["Principal"]:
            assert {tuple(arn) for arn in statement["Principal"]["AWS"]} == {("Fn::GetAtt",)}, name
        else:
            assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}, name
            sources = [statement["Condition"].get(operator, {}) for operator in ARN_OPERATORS]
            assert any("aws:SourceArn" in source for source in sources), name


def test_every_statement_names_its_resources(policies):
    everything = {
        name for name, statements in policies if any("*" in listed(entry["Resource"]) for entry in statements)
    }
    assert everything == set(WITHOUT_RESOURCES)


def test_a_policy_without_resources_holds_only_actions_that_know_none(policies):
    for name, statements in policies:
        if name in WITHOUT_RESOURCES:
            services = {action.partition(":")[0] for entry in statements for action in listed(entry["Action"])}
            assert services == WITHOUT_RESOURCES[name]


def test_no_policy_allows_every_action_of_a_service(policies):
    actions = [action for _, statements in policies for entry in statements for action in listed(entry["Action"])]
    assert [action for action in actions if "*" in action] == []


@pytest.mark.parametrize(("role", "passed"), [("BatchRole", "BatchJobRole"), ("ProcessImageRole", "ImageJobRole")])
def test_who_starts_jobs_passes_their_role_to_sagemaker_and_no_other(of_type, role, passed):
    (statement,) = (
        statement
        for policy in of_type("AWS::IAM::Role")[role]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if "iam:PassRole" in listed(statement["Action"])
    )
    assert statement["Resource"] == {"Fn::GetAtt": [passed, "Arn"]}
    assert statement["Condition"] == {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}


REGISTRY = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/"


@pytest.mark.parametrize(
    ("image", "repository"),
    [
        (f"{REGISTRY}/photos", "photos"),
        (f"{REGISTRY}/photos:v1", "photos"),
        (f"{REGISTRY}/team/photos:v1", "team/photos"),
        (f"{REGISTRY}/team/photos@sha256:{'0' * 64}", "team/photos"),
        (f"{REGISTRY}/photos:v1@sha256:{'0' * 64}", "photos"),
        ("123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn/team/photos:v1", "team/photos"),
        ("registry.test/photos:v1", ""),
    ],
)
def test_jobs_pull_the_image_that_they_run_and_no_other(with_parameters, image, repository):
    stack = with_parameters(ContainerImageUri=image)
    stack.scope.values.update({"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": "123456789012"})
    (statement,) = stack.resources["PullContainerPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert resolve(statement["Resource"], stack.scope, "Resource") == REPOSITORY + repository


def test_a_repository_that_is_named_is_the_one_to_pull_from(with_parameters):
    elsewhere = "arn:aws:ecr:eu-west-1:210987654321:repository/photos"
    stack = with_parameters(ContainerImageUri=f"{REGISTRY}/photos:v1", ContainerRepositoryArn=elsewhere)
    (statement,) = stack.resources["PullContainerPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert resolve(statement["Resource"], stack.scope, "Resource") == elsewhere


def test_nobody_else_passes_a_role(of_type):
    passing = {name for name, role in of_type("AWS::IAM::Role").items() if "iam:PassRole" in json.dumps(role)}
    assert passing == {"BatchRole", "ProcessImageRole"}


def test_the_state_machine_may_do_what_its_states_do_and_nothing_else(of_type, template_path):
    text = (template_path.parents[1] / "state_machines" / "batch.asl.json").read_text(encoding="utf-8")
    used = set(re.findall(r'"arn:aws:states:::([^"]+)"', text))
    needed = set().union(*(NEEDED[resource] for resource in used)) | DISTRIBUTED_MAP
    allowed = {
        action
        for policy in of_type("AWS::IAM::Role")["BatchRole"]["Policies"]
        if policy["PolicyName"] not in WITHOUT_RESOURCES
        for statement in policy["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
    }
    assert allowed == needed


def test_images_are_tagged_only_where_that_is_the_stack_s_policy(policies, template):
    allowed = {
        name
        for name, statements in policies
        for entry in statements
        if "PutObjectTagging" in json.dumps(entry["Action"]) and "ImagesBucket" in json.dumps(entry["Resource"])
    }
    assert allowed == {"TaggingPolicy"}
    assert template["Resources"]["TaggingPolicy"]["Condition"] == "TagsRejectedImages"


def test_the_results_bucket_is_listed_by_prefix_only(policies):
    listings = [
        entry
        for _, statements in policies
        for entry in statements
        if "s3:ListBucket" in listed(entry["Action"]) and "ResultsBucket" in json.dumps(entry["Resource"])
    ]
    assert listings
    assert all(entry["Condition"]["StringLike"]["s3:prefix"] for entry in listings)


def test_the_state_machine_may_redrive_the_maps_that_it_labels(of_type, template_path):
    text = (template_path.parents[1] / "state_machines" / "batch.asl.json").read_text(encoding="utf-8")
    labels = re.findall(r'"Label": "(\w+)"', text)
    (resources,) = (
        statement["Resource"]
        for policy in of_type("AWS::IAM::Role")["BatchRole"]["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Action"] == "states:RedriveExecution"
    )
    allowed = {resource["Fn::Sub"].partition(":execution:")[2] for resource in resources}
    assert allowed == {f"${{AWS::StackName}}-batch/{label}:*" for label in labels}


@pytest.mark.parametrize("bucket", ["ImagesBucket", "ResultsBucket"])
class TestBucket:
    def test_nobody_else_reaches_it(self, of_type, bucket):
        assert set(of_type("AWS::S3::Bucket")[bucket]["PublicAccessBlockConfiguration"].values()) == {True}

    def test_it_is_encrypted(self, of_type, bucket):
        assert "BucketEncryption" in of_type("AWS::S3::Bucket")[bucket]

    def test_what_is_overwritten_can_be_brought_back(self, of_type, bucket):
        assert of_type("AWS::S3::Bucket")[bucket]["VersioningConfiguration"] == {"Status": "Enabled"}

    def test_it_outlives_its_stack(self, template, bucket):
        resource = template["Resources"][bucket]
        assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")

    def test_it_talks_tls_only(self, of_type, bucket):
        (policy,) = (
            entry["PolicyDocument"]
            for entry in of_type("AWS::S3::BucketPolicy").values()
            if entry["Bucket"] == {"Ref": bucket}
        )
        (statement,) = policy["Statement"]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})


def test_a_model_that_is_replaced_stays_for_the_runs_that_began_with_it(template):
    assert template["Resources"]["Model"]["UpdateReplacePolicy"] == "Retain"


def test_messages_are_encrypted_at_rest(of_type):
    assert all("KmsMasterKeyId" in topic for topic in of_type("AWS::SNS::Topic").values())


def test_no_secret_is_a_parameter(template):
    assert not re.search(r"password|secret|token", json.dumps(template["Parameters"]), re.IGNORECASE)
