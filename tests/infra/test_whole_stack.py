"""A stack that has everything, in a local cloud: nothing in it is passed over without a word."""

import json
import re
from dataclasses import replace

import pytest

import pipeline.local.deploy.stack
from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy
from pipeline.local.deploy.resources import RESOURCE_TYPES

EVERYTHING = {
    "ContainerImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/imagebatch:latest",
    "CreateVpcEndpoints": "yes",
    "EndpointName": "photos",
    "KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000",
    "NotificationEmail": "a@b.test",
    "OtherImages": "arn:aws:s3:::archive/2026/*",
    "OtherImagesBuckets": "arn:aws:s3:::archive",
    "PermissionsBoundaryArn": "arn:aws:iam::123456789012:policy/boundary",
    "PredictImageUrl": "yes",
    "Quarantine": "tag",
    "RouteTableIds": "rtb-0a1b",
    "ScheduleState": "ENABLED",
    "SingleImages": "job",
    "SubnetIds": "subnet-0a1b,subnet-0c2d",
    "VpcId": "vpc-0a1b",
}
# Types that mean nothing on one machine: it builds no container, has no VPC, and evaluates no policy of a resource.
NOTED = {
    "AWS::CodeBuild::Project",
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::SecurityGroupIngress",
    "AWS::EC2::VPCEndpoint",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
}
# No service has these: a repository is a name for the sources.
NAMED = {"AWS::ECR::Repository"}


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stack(cloud, template_path):
    return deploy(cloud, template_path, EVERYTHING, "everything")


def test_every_resource_is_there(stack, with_parameters):
    assert set(stack.resources) == set(with_parameters(**EVERYTHING).resources)


def test_what_is_not_on_the_short_list_is_made_by_its_service(cloud, template_path, monkeypatch):
    called = set()

    def watched(name, kind):
        def create(target, properties):
            return kind.create(
                replace(target, client=lambda service: called.add(name) or target.client(service)), properties
            )

        return replace(kind, create=create)

    types = {name: watched(name, kind) for name, kind in RESOURCE_TYPES.items()}
    monkeypatch.setattr(pipeline.local.deploy.stack, "RESOURCE_TYPES", types)
    stack = deploy(cloud, template_path, EVERYTHING, "watched")
    assert set(stack.types.values()) - called == NOTED | NAMED


def test_what_means_nothing_here_is_said_of_each(stack):
    said = dict(
        re.fullmatch(r"(AWS::\w+::\w+): .* \((.*)\)", entry).groups()
        for entry in stack.ignored
        if "." not in entry.split(":")[4]
    )
    assert {kind: set(names.split(", ")) for kind, names in said.items()} == {
        kind: {name for name in stack.types if stack.types[name] == kind} for kind in NOTED
    }


def test_what_is_ignored_has_a_reason(stack):
    reason = re.compile(r"AWS::\w+::\w+(\.\w+)?: .{10,} \(\w+(, \w+)*\)")
    assert [entry for entry in stack.ignored if not reason.fullmatch(entry)] == []


def test_roles_are_there_with_their_boundary(cloud, stack):
    role = cloud.client("iam").get_role(RoleName=stack.resources["BatchJobRole"])["Role"]
    assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == EVERYTHING["PermissionsBoundaryArn"]


def test_log_groups_and_buckets_are_under_the_given_key(cloud, stack):
    (group,) = cloud.client("logs").describe_log_groups(logGroupNamePrefix=stack.resources["StartRunLogs"])["logGroups"]
    rules = cloud.client("s3").get_bucket_encryption(Bucket=stack.outputs["ResultsBucket"])
    (rule,) = rules["ServerSideEncryptionConfiguration"]["Rules"]
    default = rule["ApplyServerSideEncryptionByDefault"]
    assert {group["kmsKeyId"], default["KMSMasterKeyID"]} == {EVERYTHING["KmsKeyArn"]}


def test_a_stack_that_is_given_no_key_makes_one_that_is_rotated(cloud, template_path):
    stack = deploy(cloud, template_path, {}, "with-key")
    kms = cloud.client("kms")
    assert kms.describe_key(KeyId="alias/with-key")["KeyMetadata"]["KeyId"] == stack.resources["Key"]
    assert kms.get_key_rotation_status(KeyId=stack.resources["Key"])["KeyRotationEnabled"]
    policy = json.loads(kms.get_key_policy(KeyId=stack.resources["Key"], PolicyName="default")["Policy"])
    assert {"Account", "Logs", "DeadLetters", "Alarms"} <= {statement["Sid"] for statement in policy["Statement"]}
