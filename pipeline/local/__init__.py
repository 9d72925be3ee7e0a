"""The local cloud: what the pipeline needs of AWS, on one machine.

`LocalCloud` (cloud.py) is one HTTP endpoint. Behind it, `gateway` tells who answers a request:

    states/      Step Functions: an interpreter of the Amazon States Language
    lambdas/     Lambda: functions in warm worker processes
    sagemaker/   SageMaker: Processing jobs as processes
    buckets/     the objects of S3: on disk, or served in place from a folder or from the real S3
    events/      EventBridge: rules that call their targets, and the events of S3's objects
    scheduler/   EventBridge Scheduler: schedules that fire
    dynamodb/    DynamoDB: items on disk
    moto         everything else: SNS, SQS, IAM, KMS, CloudWatch Logs, buckets' configuration

Under several of them lie `timers`, `queues` and `database`, and `delivery/`, which gets events to their targets.
`protocol` and `shapes` hold requests to AWS's own service models, `processes` sees to it that no child outlives the
cloud, `forks` that children start fast, `deploy/` brings infra/template.yaml into it, and `sources` says where the
images of a run come from.
"""
