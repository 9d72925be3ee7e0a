"""The template with its conditions decided."""

from infra.gate.stack import Stack

TEMPLATE = """
Conditions:
  A: !Equals [!Ref AWS::Region, a]
  B: !Equals [!Ref AWS::Region, b]
  C: !Equals [!Ref AWS::Region, c]
Resources:
  Nested:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !If [A, in-a, !If [B, in-b, !If [C, in-c, nowhere]]]}
  Conditional:
    Type: AWS::SNS::Topic
    Condition: A
    Properties: {DisplayName: !If [B, both, a-alone]}
  Twice:
    Type: AWS::SNS::Topic
    Properties: {DisplayName: !If [C, [!If [C, yes, never]], no]}
"""


def test_every_branch_is_in_one_of_the_decisions(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    decided = str(list(Stack.read(path).decided()))
    assert [name for name in ("in-a", "in-b", "in-c", "nowhere", "both", "a-alone") if name not in decided] == []
    assert "never" not in decided


def test_the_first_decision_has_everything(tmp_path):
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE)
    first = next(Stack.read(path).decided())
    assert [entry["Properties"]["DisplayName"] for entry in first.values()] == ["in-a", "both", [True]]
