import json
import re
from pathlib import Path

import pytest

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.template import load, package, translate


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("!Ref Topic", {"Ref": "Topic"}),
        ("!GetAtt Bucket.Arn", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("!GetAtt Stack.Outputs.Arn", {"Fn::GetAtt": ["Stack", "Outputs.Arn"]}),
        ("!GetAtt [Bucket, Arn]", {"Fn::GetAtt": ["Bucket", "Arn"]}),
        ("!Sub '${A}-b'", {"Fn::Sub": "${A}-b"}),
        ("!Join ['-', [a, !Ref B]]", {"Fn::Join": ["-", ["a", {"Ref": "B"}]]}),
        ("!Condition HasMail", {"Condition": "HasMail"}),
        ("!Transform {Name: x}", {"Fn::Transform": {"Name": "x"}}),
    ],
)
def test_a_short_function_is_read_as_its_long_form(template, short, long):
    assert load(template(f"Resources: {{R: {{Value: {short}}}}}"))["Resources"]["R"] == {"Value": long}


def test_a_date_is_text(template):
    assert load(template("Resources: {R: {Version: 2012-10-17}}"))["Resources"]["R"] == {"Version": "2012-10-17"}


def test_json_is_yaml(template):
    document = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    assert load(template(json.dumps(document))) == document


def test_a_key_that_stands_twice_is_refused(template):
    with pytest.raises(TemplateError, match="'Topic' stands twice"):
        load(template("Resources:\n  Topic: {}\n  Topic: {}\n"))


def test_a_missing_template_is_named(tmp_path):
    with pytest.raises(TemplateError, match=r"no template .*absent\.yaml"):
        load(tmp_path / "absent.yaml")


@pytest.mark.parametrize("text", ["- a", "", "Outputs: {}", "Resources: []"])
def test_what_has_no_resources_is_no_template(template, text):
    with pytest.raises(TemplateError, match="holds no template"):
        load(template(text))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Resources: {Topic: }", "Resources.Topic: expected a mapping, got None"),
        ("Resources: {Topic: {Properties: [a]}}", "Resources.Topic.Properties: expected a mapping, got ['a']"),
        ("{Resources: {}, Outputs: }", "Outputs: expected a mapping, got None"),
        ("{Resources: {}, Globals: {Function: x}}", "Globals.Function: expected a mapping, got 'x'"),
        ("{Resources: {}, Mappings: {Sizes: []}}", "Mappings.Sizes: expected a mapping, got []"),
        ("Resources: {? [a] : {}}", "a key has to be text"),
    ],
)
def test_what_is_no_mapping_is_refused_by_name(template, text, said):
    with pytest.raises(TemplateError, match=re.escape(said)):
        load(template(text))


def test_packaging_points_code_and_definition_at_this_machine(tmp_path):
    (tmp_path / "machine.json").touch()
    packaged = package(
        {
            "Globals": {"Function": {"CodeUri": "."}},
            "Resources": {
                "One": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "s3://bucket/one.zip"}},
                "Two": {"Type": "AWS::Serverless::StateMachine", "Properties": {"DefinitionUri": "machine.json"}},
            },
        },
        tmp_path,
    )
    here = str(Path(tmp_path).resolve())
    assert packaged["Globals"]["Function"]["CodeUri"] == {"Bucket": "local-source", "Key": here}
    assert packaged["Resources"]["One"]["Properties"]["CodeUri"] == "s3://bucket/one.zip"
    assert packaged["Resources"]["Two"]["Properties"]["DefinitionUri"]["Key"] == f"{here}/machine.json"


def test_code_that_is_not_there_is_refused_with_its_place(tmp_path):
    function = {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "src/"}}
    with pytest.raises(TemplateError, match=r"Resources\.F\.Properties\.CodeUri: there is nothing at .*src"):
        package({"Resources": {"F": function}}, tmp_path)


def test_a_template_without_transform_is_left_as_it_is():
    document = {"Resources": {"T": {"Type": "AWS::SNS::Topic"}}}
    assert translate(document, {}, "eu-west-1") == document


def test_another_transform_is_refused():
    with pytest.raises(TemplateError, match="AWS::LanguageExtensions"):
        translate({"Transform": "AWS::LanguageExtensions", "Resources": {}}, {}, "eu-west-1")


def test_what_sam_refuses_is_refused_in_sam_s_words():
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "python3.13", "Handler": "a.b"}}
    with pytest.raises(TemplateError, match=r"\[F\] is invalid"):
        translate({"Transform": "AWS::Serverless-2016-10-31", "Resources": {"F": function}}, {}, "eu-west-1")
