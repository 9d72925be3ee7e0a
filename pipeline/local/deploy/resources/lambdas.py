"""Lambda functions, which run from their source folder."""

from pipeline.local.deploy.intrinsics import as_text
from pipeline.local.deploy.resources.base import Created, Properties, ResourceType, Target, inside, pick


def create_function(target: Target, properties: Properties) -> Created:
    environment = inside(target, properties.get("Environment", {}), "Environment", "Variables")
    created = target.client("lambda").create_function(
        FunctionName=properties.get("FunctionName", target.name()),
        Environment={"Variables": {name: as_text(value) for name, value in environment.get("Variables", {}).items()}},
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
