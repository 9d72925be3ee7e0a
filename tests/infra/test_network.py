"""The stack in a VPC."""

import json
import re

import pytest

from pipeline.local.deploy.errors import ParameterError
from pipeline.local.deploy.intrinsics import resolve

# Actions that know no resources.
WITHOUT_RESOURCES = [
    "servicequotas:ListServiceQuotas",
    ["sagemaker:ListProcessingJobs", "sagemaker:ListTransformJobs"],
]
VPC = {"VpcId": "vpc-0a1b", "SubnetIds": "subnet-0a1b,subnet-0c2d"}
ENDPOINTS = {**VPC, "CreateVpcEndpoints": "yes", "RouteTableIds": "rtb-0a1b"}
ENDPOINT = {"EndpointName": "photos"}


def test_a_stack_is_in_no_vpc_unless_it_is_given_one(with_parameters):
    stack = with_parameters(**ENDPOINT, ModelDataUrl="s3://models/model.tar.gz")
    assert [name for name, entry in stack.resources.items() if entry["Type"].startswith("AWS::EC2::")] == []
    for function in stack.of_type("AWS::Lambda::Function").values():
        assert function["VpcConfig"] == {"Ref": "AWS::NoValue"}
    assert stack.resources["Model"]["Properties"]["VpcConfig"] == {"Ref": "AWS::NoValue"}


def test_every_function_is_in_the_subnets_and_the_group_of_the_stack(with_parameters):
    stack = with_parameters(**VPC, **ENDPOINT, SingleImages="job")
    stack.scope.attributes["NetworkGroup", "GroupId"] = "sg-own"
    functions = stack.of_type("AWS::Lambda::Function")
    for name, function in functions.items():
        assert resolve(function["VpcConfig"], stack.scope, name) == {
            "SubnetIds": ["subnet-0a1b", "subnet-0c2d"],
            "SecurityGroupIds": ["sg-own"],
        }


def test_given_groups_stand_in_for_the_group_of_the_stack(with_parameters):
    stack = with_parameters(**ENDPOINTS, **ENDPOINT, SecurityGroupIds="sg-0a,sg-0b")
    assert "NetworkGroup" not in stack.resources
    groups = [
        *(entry["VpcConfig"]["SecurityGroupIds"] for entry in stack.of_type("AWS::Lambda::Function").values()),
        *(
            entry["SecurityGroupIds"]
            for entry in stack.of_type("AWS::EC2::VPCEndpoint").values()
            if entry["VpcEndpointType"] == "Interface"
        ),
    ]
    assert all(resolve(group, stack.scope, "") == ["sg-0a", "sg-0b"] for group in groups)


def test_the_model_is_in_the_vpc(with_parameters):
    stack = with_parameters(**VPC, ModelDataUrl="s3://models/model.tar.gz", SecurityGroupIds="sg-0a")
    assert resolve(stack.resources["Model"]["Properties"]["VpcConfig"], stack.scope, "") == {
        "Subnets": ["subnet-0a1b", "subnet-0c2d"],
        "SecurityGroupIds": ["sg-0a"],
    }


def test_every_function_s_role_may_attach_it_before_it_is_made(with_parameters):
    stack = with_parameters(**VPC, **ENDPOINT, SingleImages="job")
    roles = [entry["Role"]["Fn::GetAtt"][0] for entry in stack.of_type("AWS::Lambda::Function").values()]
    attached = {name: stack.resources[name]["Properties"]["ManagedPolicyArns"] for name in roles}
    assert [name for name, policies in attached.items() if {"Ref": "NetworkPolicy"} not in policies] == []


@pytest.mark.parametrize("role", ["BatchJobRole", "ModelRole", "ImageJobRole"])
def test_what_sagemaker_is_given_may_attach_containers_to_the_vpc(with_parameters, role):
    stack = with_parameters(**VPC, ModelDataUrl="s3://results/models/photos.tar.gz", SingleImages="job")
    assert {"Ref": "ModelNetworkPolicy"} in stack.resources[role]["Properties"]["ManagedPolicyArns"]


def test_code_in_a_function_may_not_touch_its_network(with_parameters):
    stack = with_parameters(**VPC)
    allow, deny = stack.resources["NetworkPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert set(allow["Action"]) <= set(deny["Action"])
    assert "lambda:SourceFunctionArn" in deny["Condition"]["ArnLike"]


def test_the_group_of_the_stack_lets_https_out_and_in_from_itself(with_parameters):
    stack = with_parameters(**VPC)
    group = stack.resources["NetworkGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group
    (egress,) = group["SecurityGroupEgress"]
    ingress = stack.resources["NetworkGroupIngress"]["Properties"]
    assert {(rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) for rule in (egress, ingress)} == {("tcp", 443, 443)}
    assert ingress["SourceSecurityGroupId"] == ingress["GroupId"] == {"Fn::GetAtt": ["NetworkGroup", "GroupId"]}


@pytest.mark.parametrize(
    ("given", "services"),
    [
        (VPC, set()),
        (ENDPOINTS, {"s3", "dynamodb", "states", "servicequotas", "sagemaker.api", "sns"}),
        ({**ENDPOINTS, "Incremental": "no"}, {"s3", "states", "servicequotas", "sagemaker.api", "sns"}),
        (
            {**ENDPOINTS, **ENDPOINT},
            {"s3", "dynamodb", "states", "servicequotas", "sagemaker.api", "sagemaker.runtime", "sts", "sns", "sqs"},
        ),
        (
            {**ENDPOINTS, "SingleImages": "job"},
            {"s3", "dynamodb", "states", "servicequotas", "sagemaker.api", "sns", "sqs"},
        ),
    ],
)
def test_vpc_endpoints_are_those_of_the_services_that_functions_call(with_parameters, given, services):
    stack = with_parameters(**given)
    made = stack.of_type("AWS::EC2::VPCEndpoint").values()
    assert {entry["ServiceName"]["Fn::Sub"].removeprefix("com.amazonaws.${AWS::Region}.") for entry in made} == services


def test_every_service_that_a_function_calls_has_a_vpc_endpoint(of_type, template_path):
    root = template_path.parents[1]
    sources = [*(root / "steps").glob("*.py"), *(root / "pipeline/single").glob("*.py")]
    called = {name for path in sources for name in re.findall(r'aws\.client\("([\w-]+)"\)', path.read_text("utf-8"))}
    named = {entry["ServiceName"]["Fn::Sub"] for entry in of_type("AWS::EC2::VPCEndpoint").values()}
    # boto3 makes the client for the endpoint in pipeline/aws.py, with timeouts of its own.
    assert {service.removeprefix("com.amazonaws.${AWS::Region}.") for service in named} == {
        {"stepfunctions": "states", "sagemaker": "sagemaker.api", "service-quotas": "servicequotas"}.get(name, name)
        for name in called
    } | {"sagemaker.runtime"}


def test_a_vpc_endpoint_serves_this_account_and_this_stack_only(with_parameters):
    stack = with_parameters(**ENDPOINTS, **ENDPOINT, ProcessingBucket="copies")
    for name, entry in stack.of_type("AWS::EC2::VPCEndpoint").items():
        for statement in entry["PolicyDocument"]["Statement"]:
            if statement == {"Ref": "AWS::NoValue"}:
                continue
            assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}, name
            assert "*" not in json.dumps(statement["Action"]), name
            assert statement["Resource"] != "*" or statement["Action"] in WITHOUT_RESOURCES, name


def test_services_are_called_by_the_names_that_they_have_everywhere(with_parameters):
    stack = with_parameters(**ENDPOINTS, **ENDPOINT)
    for name, entry in stack.of_type("AWS::EC2::VPCEndpoint").items():
        assert entry["VpcEndpointType"] == "Gateway" or entry["PrivateDnsEnabled"], name


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"VpcId": "vpc-0a1b"}, "VpcId needs SubnetIds"),
        ({"SubnetIds": "subnet-0a1b"}, "SubnetIds need VpcId"),
        ({"SecurityGroupIds": "sg-0a1b"}, "SecurityGroupIds need VpcId"),
        ({"CreateVpcEndpoints": "yes", "RouteTableIds": "rtb-0a1b"}, "CreateVpcEndpoints needs VpcId"),
        ({**VPC, "CreateVpcEndpoints": "yes"}, "CreateVpcEndpoints needs RouteTableIds"),
        ({**VPC, "SubnetIds": "subnet-0a1b, subnet-0c2d"}, "parameter SubnetIds"),
    ],
)
def test_half_a_network_is_refused(with_parameters, given, said):
    with pytest.raises(ParameterError, match=said):
        with_parameters(**given)


@pytest.mark.parametrize("group", ["Single images", "Network"])
def test_every_parameter_of_a_group_is_documented(template, template_path, group):
    document = (template_path.parents[1] / "docs" / "networking.md").read_text(encoding="utf-8")
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    (parameters,) = (entry["Parameters"] for entry in groups if entry["Label"]["default"] == group)
    choices = [value for name in parameters for value in template["Parameters"][name].get("AllowedValues", [])]
    assert [
        name for name in (*parameters, *choices) if f"`{name}`" not in document and f"={name}`" not in document
    ] == []


def test_every_vpc_endpoint_is_documented(of_type, template_path):
    document = (template_path.parents[1] / "docs" / "networking.md").read_text(encoding="utf-8")
    services = [entry["ServiceName"]["Fn::Sub"] for entry in of_type("AWS::EC2::VPCEndpoint").values()]
    named = [service.removeprefix("com.amazonaws.${AWS::Region}.") for service in services]
    assert [name for name in named if f"`{name}`" not in document] == []
