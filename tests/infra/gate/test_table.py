"""docs/security.md says what each role may do, as the template has it."""

from infra.gate import table
from infra.gate.stack import Stack


def test_the_document_has_the_roles_of_the_template(template_path):
    document = (template_path.parents[1] / "docs" / "security.md").read_text(encoding="utf-8")
    written = document.partition("<!-- roles -->\n")[2].partition("\n<!-- /roles -->")[0]
    assert written == table.table(Stack.read()), (
        "run `python -m infra.gate.table`, and put what it prints between the marks"
    )


def test_every_role_says_what_it_is_for():
    rows = table.table(Stack.read()).splitlines()[2:]
    assert [row for row in rows if row.split("|")[2].strip() == ""] == []
