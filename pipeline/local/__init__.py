"""The local cloud: what the pipeline needs of AWS, on one machine.

`LocalCloud` (cloud.py) is one HTTP endpoint. Behind it, `gateway` tells who answers a request:

    states/      Step Functions: an interpreter of the Amazon States Language
    lambdas/     Lambda: functions in warm worker processes
    sagemaker/   SageMaker: Processing jobs as processes
    buckets/     S3, for buckets that are served in place: a folder, or a bucket of the real S3
    moto         everything else: S3, SNS, SQS, DynamoDB, EventBridge, IAM, KMS, CloudWatch Logs

`protocol` and `shapes` hold requests to AWS's own service models, `processes` sees to it that no child outlives the
cloud, `deploy/` brings infra/template.yaml into it, and `sources` says where the images of a run come from.
"""
