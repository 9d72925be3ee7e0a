"""What is not understood is refused before anything is made, by name and with its logical id."""

import pytest

from pipeline.local.deploy.check import meaningless, problems

TOPIC = {"Type": "AWS::SNS::Topic"}


def told(resources, **sections):
    return list(problems({"Resources": resources, **sections}, {"AWS::Region": "eu-west-1"}))


@pytest.mark.parametrize(
    ("resources", "said"),
    [
        ({"Q": {"Type": "AWS::Kinesis::Stream"}}, "Resources.Q: the type AWS::Kinesis::Stream is not understood"),
        ({"Q": {}}, "Resources.Q: the type None is not understood"),
        ({"Q": {"Type": ["AWS::SNS::Topic"]}}, "Resources.Q: the type ['AWS::SNS::Topic'] is not understood"),
        (
            {"T": {"Type": "AWS::SNS::Topic", "Properties": {"FifoTopic": True}}},
            "Resources.T (AWS::SNS::Topic): FifoTopic is not understood",
        ),
        (
            {"P": {"Type": "AWS::SNS::TopicPolicy", "Properties": {"Topics": []}}},
            "Resources.P (AWS::SNS::TopicPolicy): PolicyDocument is missing",
        ),
        ({"T": {**TOPIC, "CreationPolicy": {}}}, "Resources.T: CreationPolicy is not understood"),
        ({"T": {**TOPIC, "DependsOn": "Queue"}}, "Resources.T.DependsOn: there is no resource 'Queue'"),
        (
            {"T": {**TOPIC, "Properties": {"DisplayName": {"Ref": "Nmae"}}}},
            "Resources.T.Properties.DisplayName: there is no parameter or resource 'Nmae'",
        ),
        (
            {"T": TOPIC, "U": {**TOPIC, "Properties": {"DisplayName": {"Fn::Sub": "${T.Colour}"}}}},
            "Resources.U.Properties.DisplayName: the attribute Colour of T is not understood",
        ),
    ],
)
def test_it_is_refused_by_name(resources, said):
    assert told(resources) == [said]


def test_an_unknown_section_is_refused():
    assert told({"T": TOPIC}, Hooks={}) == ["the section Hooks is not understood"]


def test_an_output_is_held_to_the_same(monkeypatch):
    outputs = {"Arn": {"Value": {"Fn::GetAtt": ["T", "Colour"]}, "Export": {"Name": "x"}}}
    assert told({"T": TOPIC}, Outputs=outputs) == [
        "Outputs.Arn: Export is not understood",
        "Outputs.Arn.Value: the attribute Colour of T is not understood",
    ]


def test_an_output_without_a_value_is_refused():
    assert told({"T": TOPIC}, Outputs={"Arn": {"Description": "d"}}) == ["Outputs.Arn: Value is missing"]


def test_everything_that_is_wrong_is_said_at_once():
    assert len(told({"A": {"Type": "AWS::X::Y"}, "B": {"Type": "AWS::X::Z"}})) == 2


def test_pseudo_parameters_are_known():
    assert told({"T": {**TOPIC, "Properties": {"DisplayName": {"Fn::Sub": "${AWS::Region}"}}}}) == []


def test_what_means_nothing_on_one_machine_is_reported_with_the_reason():
    function = {"Type": "AWS::Lambda::Function", "Properties": {"Architectures": ["arm64"]}}
    assert list(meaningless({"Resources": {"F": function}})) == [
        "AWS::Lambda::Function.Architectures: functions run on this machine's own processor (F)"
    ]


def test_a_type_that_means_nothing_on_one_machine_is_reported_once_for_all_that_have_it():
    endpoint = {"Type": "AWS::EC2::VPCEndpoint", "Properties": {"ServiceName": "s3"}}
    assert list(meaningless({"Resources": {"A": endpoint, "B": endpoint}})) == [
        "AWS::EC2::VPCEndpoint: functions, jobs and endpoints are processes of this machine, in no VPC (A, B)"
    ]
