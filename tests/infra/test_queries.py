"""The tables, the workgroup and the policy for queries over what runs came to."""

import json

import duckdb
import pyarrow as pa
import pytest
import sqlglot

from pipeline.local.cloud import LocalCloud
from pipeline.local.deploy import deploy
from pipeline.results.predicted import PREDICTIONS_SCHEMA
from pipeline.results.tables import REJECTED_SCHEMA
from pipeline.runs import keys

RUN = "2026-11-20T0200-incoming-7f3a9c"
TABLES = {"predictions": PREDICTIONS_SCHEMA, "rejected": REJECTED_SCHEMA}
# Hive's names, as Athena has them ("Data types in Amazon Athena").
SIMPLE = {
    pa.string(): "string",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.float32(): "float",
    pa.timestamp("us", tz="UTC"): "timestamp",
}


def hive(kind: pa.DataType) -> str:
    if pa.types.is_list(kind):
        return f"array<{hive(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return f"struct<{','.join(f'{field.name}:{hive(field.type)}' for field in kind)}>"
    return SIMPLE[kind]


@pytest.fixture(scope="module")
def cloud():
    with LocalCloud() as cloud:
        yield cloud


@pytest.fixture(scope="module")
def stack(cloud, template_path):
    return deploy(cloud, template_path, {"MaxQueryBytes": "20000000"}, "Two-Words")


@pytest.fixture(scope="module")
def tables(cloud, stack):
    found = cloud.client("glue").get_tables(DatabaseName=stack.outputs["Database"])["TableList"]
    return {table["Name"]: table for table in found}


def test_the_database_is_called_as_the_stack_is_with_letters_that_sql_takes(cloud, stack):
    assert cloud.client("glue").get_database(Name=stack.outputs["Database"])["Database"]["Name"] == "two_words"


def test_there_is_a_table_for_each_that_a_run_publishes(tables):
    assert set(tables) == {keys.PREDICTIONS_TABLE, keys.REJECTED_TABLE} == set(TABLES)


@pytest.mark.parametrize("name", TABLES)
class TestTable:
    def test_it_has_the_columns_of_the_file_in_their_order(self, tables, name):
        columns = [(column["Name"], column["Type"]) for column in tables[name]["StorageDescriptor"]["Columns"]]
        assert columns == [(field.name, hive(field.type)) for field in TABLES[name]]

    def test_no_partition_key_is_a_column_of_the_file(self, tables, name):
        """Athena refuses a table that has a column twice."""
        assert {key["Name"] for key in tables[name]["PartitionKeys"]}.isdisjoint(TABLES[name].names)

    def test_a_published_run_lies_where_athena_looks_for_its_date(self, stack, tables, name):
        place = tables[name]["Parameters"]["storage.location.template"].replace("${run_date}", "2026-11-20")
        assert f"s3://{stack.outputs['ResultsBucket']}/{keys.published_key(name, RUN)}".startswith(place)
        assert place.startswith(tables[name]["StorageDescriptor"]["Location"])

    def test_every_partition_key_is_worked_out_from_what_is_known(self, tables, name):
        parameters = tables[name]["Parameters"]
        types = {key["Name"]: parameters[f"projection.{key['Name']}.type"] for key in tables[name]["PartitionKeys"]}
        assert (parameters["projection.enabled"], types) == ("true", {"run_date": "date"})
        assert parameters["projection.run_date.range"].split(",")[1] == "NOW"


def test_queries_are_limited_and_their_answers_encrypted_whoever_asks(cloud, stack):
    workgroup = cloud.client("athena").get_work_group(WorkGroup=stack.outputs["QueryWorkGroup"])["WorkGroup"]
    configuration = workgroup["Configuration"]
    assert configuration["EnforceWorkGroupConfiguration"] is True
    assert configuration["BytesScannedCutoffPerQuery"] == 20_000_000
    answers = configuration["ResultConfiguration"]
    assert answers["OutputLocation"] == f"s3://{stack.outputs['ResultsBucket']}/queries/"
    assert answers["EncryptionConfiguration"]["EncryptionOption"] == "SSE_KMS"
    assert answers["EncryptionConfiguration"]["KmsKey"].startswith("arn:aws:kms:")


def test_answers_are_deleted_after_some_days(of_type):
    rules = of_type("AWS::S3::Bucket")["ResultsBucket"]["LifecycleConfiguration"]["Rules"]
    (rule,) = (rule for rule in rules if rule.get("Prefix") == "queries/")
    assert (rule["Status"], rule["ExpirationInDays"]) == ("Enabled", 7)


def test_what_is_published_is_never_deleted_by_a_rule(of_type):
    rules = of_type("AWS::S3::Bucket")["ResultsBucket"]["LifecycleConfiguration"]["Rules"]
    deleted = [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule and "Prefix" in rule]
    assert not [prefix for prefix in deleted for name in TABLES if keys.published_key(name, RUN).startswith(prefix)]


def test_who_may_query_reads_the_tables_and_writes_answers_and_nothing_else(of_type):
    (policy,) = (entry for name, entry in of_type("AWS::IAM::ManagedPolicy").items() if name == "QueryPolicy")
    writing = ("Put", "Delete", "Create", "Update", "Abort")
    for statement in policy["PolicyDocument"]["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        if any(action.partition(":")[2].startswith(writing) for action in actions):
            assert statement["Resource"] == {"Fn::Sub": "${ResultsBucket.Arn}/queries/*"}
        assert "ImagesBucket" not in json.dumps(statement)


@pytest.mark.parametrize("name", sorted({*PREDICTIONS_SCHEMA.names, *REJECTED_SCHEMA.names, "run_date"}))
def test_no_column_needs_quotes_in_a_query(name):
    duckdb.connect().execute(f'SELECT {name} FROM (SELECT 1 AS "{name}") WHERE {name} = 1 ORDER BY {name}').fetchall()
    sqlglot.parse_one(f"SELECT {name} FROM predictions WHERE {name} = 1 ORDER BY {name}", read="athena")
