"""Lambda functions, which run from their source folder, and their URLs."""

from contextlib import suppress

from pipeline.local.deploy.intrinsics import as_text
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick
from pipeline.local.deploy.resources.events import with_numbers

_SETTINGS = (
    *("DeadLetterConfig", "Description", "EphemeralStorage", "Handler", "LoggingConfig", "MemorySize", "Role"),
    *("Runtime", "Timeout"),
)


def create_function(target: Target, properties: Properties) -> Created:
    environment = inside(target, properties.get("Environment", {}), "Environment", "Variables")
    name = properties.get("FunctionName", target.name())
    client = target.client("lambda")
    settings = {
        "Environment": {
            "Variables": {name: as_text(value) for name, value in environment.get("Variables", {}).items()}
        },
        **pick(properties, *_SETTINGS),
    }
    try:
        made = client.create_function(
            FunctionName=name,
            Tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
            **pick(properties, "Code"),
            **settings,
        )
    except client.exceptions.ResourceConflictException:
        client.update_function_code(FunctionName=name, **properties["Code"])
        made = client.update_function_configuration(FunctionName=name, **settings)
    return Created(made["FunctionName"], {"Arn": made["FunctionArn"]})


def delete_function(target: Target, name: str) -> None:
    client = target.client("lambda")
    with suppress(client.exceptions.ResourceNotFoundException):
        client.delete_function(FunctionName=name)


def create_url(target: Target, properties: Properties) -> Created:
    """A function's URL, for `TargetFunctionArn` with a name or an ARN."""
    created = target.client("lambda").create_function_url_config(
        FunctionName=properties["TargetFunctionArn"], **pick(properties, "AuthType", "Cors", "InvokeMode", "Qualifier")
    )
    return Created(
        created["FunctionArn"], {"FunctionArn": created["FunctionArn"], "FunctionUrl": created["FunctionUrl"]}
    )


def create_event_invoke_config(target: Target, properties: Properties) -> Created:
    """What becomes of a function's asynchronous invocations."""
    settings = with_numbers(pick(properties, "DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"))
    target.client("lambda").put_function_event_invoke_config(
        **pick(properties, "FunctionName", "Qualifier"), **settings
    )
    return Created(target.name())


def create_version(target: Target, properties: Properties) -> Created:
    """What the function is now, for good."""
    made = target.client("lambda").publish_version(**pick(properties, "CodeSha256", "Description", "FunctionName"))
    # PublishVersion answers the ARN of the version.
    return Created(made["FunctionArn"], {"FunctionArn": made["FunctionArn"], "Version": made["Version"]})


def create_alias(target: Target, properties: Properties) -> Created:
    client = target.client("lambda")
    given = pick(properties, "Description", "FunctionName", "FunctionVersion", "Name")
    try:
        made = client.create_alias(**given)
    except client.exceptions.ResourceConflictException:
        made = client.update_alias(**given)
    return Created(made["AliasArn"], {"AliasArn": made["AliasArn"]})


def create_permission(target: Target, _: Properties) -> Created:
    return Created(target.name())


TYPES = {
    "AWS::Lambda::Function": ResourceType(
        create_function,
        properties=frozenset(
            {
                "Code",
                "DeadLetterConfig",
                "Description",
                "Environment",
                "EphemeralStorage",
                "FunctionName",
                "Handler",
                "LoggingConfig",
                "MemorySize",
                "Role",
                "Runtime",
                "Tags",
                "Timeout",
            }
        ),
        attributes=frozenset({"Arn"}),
        delete=delete_function,
        meaningless={
            "Architectures": "functions run on this machine's own processor",
            "TracingConfig": "there is no X-Ray here",
            "VpcConfig": "functions are processes of this machine, in no VPC",
        },
    ),
    "AWS::Lambda::EventInvokeConfig": ResourceType(
        create_event_invoke_config,
        properties=frozenset(
            {"DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts", "Qualifier"}
        ),
        required=frozenset({"FunctionName", "Qualifier"}),
    ),
    "AWS::Lambda::Url": ResourceType(
        create_url,
        properties=frozenset({"AuthType", "Cors", "InvokeMode", "Qualifier", "TargetFunctionArn"}),
        required=frozenset({"AuthType", "TargetFunctionArn"}),
        attributes=frozenset({"FunctionArn", "FunctionUrl"}),
    ),
    "AWS::Lambda::Version": ResourceType(
        create_version,
        properties=frozenset({"CodeSha256", "Description", "FunctionName"}),
        required=frozenset({"FunctionName"}),
        attributes=frozenset({"FunctionArn", "Version"}),
    ),
    "AWS::Lambda::Alias": ResourceType(
        create_alias,
        properties=frozenset({"Description", "FunctionName", "FunctionVersion", "Name"}),
        required=frozenset({"FunctionName", "FunctionVersion", "Name"}),
        attributes=frozenset({"AliasArn"}),
    ),
    "AWS::Lambda::Permission": ResourceType(
        create_permission,
        properties=frozenset(
            {
                "Action",
                "FunctionName",
                "FunctionUrlAuthType",
                "InvokedViaFunctionUrl",
                "Principal",
                "SourceAccount",
                "SourceArn",
            }
        ),
        noted="policies are not evaluated: there is one user, and every service may invoke every function",
    ),
}
