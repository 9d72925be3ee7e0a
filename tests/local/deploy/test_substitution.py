import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.local.deploy import TemplateError
from pipeline.local.deploy.resources.stepfunctions import substitute

NAMES = st.text(alphabet="ABCabc123", min_size=1, max_size=8)


@given(st.dictionaries(NAMES, st.text(alphabet="abc:/-.", max_size=20), min_size=1))
def test_every_name_is_replaced_by_its_value(substitutions):
    definition = json.dumps({name: f"<${{{name}}}>" for name in substitutions})
    assert json.loads(substitute(definition, substitutions, "M")) == {
        name: f"<{value}>" for name, value in substitutions.items()
    }


def test_a_value_is_not_looked_at_again():
    assert substitute("${A}", {"A": "${A}"}, "M") == "${A}"


def test_intrinsic_functions_of_the_states_language_are_no_names():
    text = "States.Format('{}-{}', $.a, $$.b)"
    assert substitute(text, {}, "M") == text


def test_a_name_without_a_substitution_is_refused():
    with pytest.raises(TemplateError, match=r"M\.DefinitionSubstitutions: the definition has \$\{Topic\}"):
        substitute("${Topic}", {}, "M")


def test_a_substitution_without_a_name_is_refused():
    with pytest.raises(TemplateError, match="Topic stands nowhere in the definition"):
        substitute("{}", {"Topic": "t"}, "M")
