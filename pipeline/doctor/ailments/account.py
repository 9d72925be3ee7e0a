"""What an account, its roles and a region allow: access, quotas, capacity, the rate of calls."""

from pipeline.doctor.signs import Depth, ailment

AILMENTS = (
    ailment(
        "kms_denied",
        "The key that encrypts an object may not be used",
        "is not authorized to perform: kms:{}",
        "KMSAccessDeniedException",
        "KMS.AccessDeniedException",
        "KMS.DisabledException",
        "KMSDisabledException",
        "KMS.NotFoundException",
        "The ciphertext refers to a customer master key that does not exist",
        "kms:Decrypt",
        "kms:GenerateDataKey",
        why="Reading an object encrypted by KMS takes kms:Decrypt, writing one kms:GenerateDataKey, both in the"
        " role's policy and in the key's own.",
        remedy="Allow the role that the message names in the key's policy, and the actions in the role's. A run"
        " rejects images that it cannot decrypt as `unreadable`.",
    ),
    ailment(
        "access_denied",
        "A role lacks a permission",
        "is not authorized to perform: {}",
        "AccessDeniedException",
        "AccessDenied",
        "Access Denied",
        "An error occurred (403) when calling the {} operation",
        "Could not assume role",
        "is not authorized to assume role",
        "no identity-based policy allows",
        "explicit deny",
        "UnauthorizedOperation",
        why="The role that the message names may not do what it says, or a policy of the bucket, the endpoint or the"
        " organisation denies it.",
        remedy="Add the action to that role for that resource. S3 says 403 for an object that does not exist, too,"
        " where the role may not list the bucket.",
    ),
    ailment(
        "credentials",
        "There are no valid credentials",
        "Unable to locate credentials",
        "ExpiredToken",
        "The security token included in the request is",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        why="Credentials are missing, expired, or of another account or region; or the clock is off.",
        remedy="Log in again (aws sso login), name the profile, and check `aws sts get-caller-identity`.",
    ),
    ailment(
        "quota",
        "A quota of the account is used up, or is zero",
        "The account-level service limit '{}' is {}",
        "is greater than the account-level service-limit of",
        "ResourceLimitExceeded",
        "NoInstanceQuota",
        "ServiceQuotaExceededException",
        "LimitExceededException",
        "Please contact AWS support to request an increase for this limit",
        why="SageMaker counts instances by type and by purpose (processing, transform, endpoint), apart from EC2. For"
        " GPUs a new account has zero.",
        remedy="Name another `instance_type` in the run's input (or InstanceType of the deployment), or ask"
        " for more in Service Quotas, under Amazon SageMaker, for exactly the limit that the message quotes.",
    ),
    ailment(
        "capacity",
        "The region has no such instance free at the moment",
        "CapacityError",
        "InsufficientInstanceCapacity",
        "EC2InsufficientCapacityError",
        "Unable to provision requested ML compute capacity",
        "Insufficient capacity",
        why="This is no quota: AWS itself has none left of that type there, for now.",
        remedy="Start the run again later, or with another `instance_type` of about the same size.",
        depth=Depth.PASSING,
    ),
    ailment(
        "throttling",
        "A service was called too often (throttling)",
        "ThrottlingException",
        "Throttling: Rate exceeded",
        "Rate exceeded",
        "TooManyRequestsException",
        "RequestLimitExceeded",
        "ProvisionedThroughputExceededException",
        "SlowDown",
        "Please reduce your request rate",
        "Reduce your request rate",
        why="Calls per second are limited for each account and region, whoever makes them; S3 limits them for each"
        " prefix.",
        remedy="The state machine retries these. Where they do not end: fewer jobs at once (larger partitions), less"
        " concurrency of Lambda, or a higher quota for that call.",
        depth=Depth.PASSING,
    ),
    ailment(
        "name_taken",
        "The name is in use already",
        "Job name must be unique within an AWS account and region",
        "ResourceInUse",
        "ExecutionAlreadyExists",
        "ResourceConflictException",
        why="A job's name is unique in an account and region for ever, an execution's for 90 days. A retry that"
        " reuses a name fails on it.",
        remedy="Start the run anew: it gets names of its own. In a state machine of your own put the retry count in"
        " the name.",
    ),
    ailment(
        "request_refused",
        "A service refuses the request as invalid",
        "validation error detected: Value {} failed to satisfy constraint",
        "ValidationException",
        "Parameter validation failed",
        "ParamValidationError",
        "Unknown parameter in input",
        why="A field of the request is missing, too long, or not of the form that the service wants; its message"
        " names it.",
        remedy="Correct that field. Where it comes from the run's input (instance_type, name), correct that.",
    ),
)
