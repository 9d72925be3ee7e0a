"""The bucket for what is uploaded, before there is a stack to hold one: a stack of its own, one in each region.

It is encrypted, reached by TLS alone and by nobody from outside. It forgets nothing: a change that fails is rolled back
to the code of the deployment before, however old that is.
"""

from collections.abc import Callable
from typing import Any

from pipeline.deploying import change_sets

STACK = "imagebatch-artifacts"
TEMPLATE = """\
AWSTemplateFormatVersion: "2010-09-09"
Description: "imagebatch: what deployments upload: code of functions, definitions and templates."
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    DeletionPolicy: Retain
    UpdateReplacePolicy: Retain
    Properties:
      BucketEncryption:
        ServerSideEncryptionConfiguration:
          - ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}
      PublicAccessBlockConfiguration:
        BlockPublicAcls: true
        BlockPublicPolicy: true
        IgnorePublicAcls: true
        RestrictPublicBuckets: true
      VersioningConfiguration: {Status: Enabled}
      LifecycleConfiguration:
        Rules:
          - Id: forget-replaced-objects
            Status: Enabled
            NoncurrentVersionExpiration: {NoncurrentDays: 7}
            AbortIncompleteMultipartUpload: {DaysAfterInitiation: 7}
  BucketPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Bucket
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - Sid: TlsOnly
            Effect: Deny
            Principal: "*"
            Action: s3:*
            Resource: [!GetAtt Bucket.Arn, !Sub "${Bucket.Arn}/*"]
            Condition: {Bool: {aws:SecureTransport: "false"}}
Outputs:
  Bucket:
    Description: Where deployments upload to.
    Value: !Ref Bucket
"""


def find_bucket(cloudformation: Any) -> str | None:
    """The bucket, where its stack is there."""
    stack = change_sets.find_stack(cloudformation, STACK)
    outputs = {entry["OutputKey"]: entry["OutputValue"] for entry in (stack or {}).get("Outputs", ())}
    return outputs.get("Bucket")


def make_bucket(cloudformation: Any, say: Callable[[str], None], pause: float) -> str:
    """The bucket, made where it is not there. Raises DeployError."""
    there = find_bucket(cloudformation)
    if there:
        return there
    proposed = change_sets.propose(cloudformation, STACK, {"TemplateBody": TEMPLATE}, (), {}, pause)
    if proposed is not None:
        change_sets.execute(cloudformation, proposed, say, pause)
    made = find_bucket(cloudformation)
    assert made is not None  # noqa: S101  (the template has the output)
    return made
