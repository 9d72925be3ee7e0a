"""Lambda functions, which run from their source folder."""

from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, pick


def create_function(target: Target, properties: Properties) -> Created:
    variables = properties.get("Environment", {}).get("Variables", {})
    created = target.client("lambda").create_function(
        FunctionName=properties.get("FunctionName", target.name()),
        Environment={"Variables": {name: str(value) for name, value in variables.items()}},
        Tags={tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])},
        **pick(
            properties, "Code", "Description", "Handler", "LoggingConfig", "MemorySize", "Role", "Runtime", "Timeout"
        ),
    )
    return Created(created["FunctionName"], {"Arn": created["FunctionArn"]})


TYPES = {
    "AWS::Lambda::Function": ResourceType(
        create_function,
        properties=frozenset(
            {
                "Code",
                "Description",
                "Environment",
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
        meaningless={
            "Architectures": "functions run on this machine's own processor",
            "TracingConfig": "there is no X-Ray here",
        },
    )
}
