"""Glue's Data Catalog, as far as a template makes databases and tables in it. Names are folded to lower case, as there.

Kept in memory: a stack that is deployed again makes them again.
"""

import threading
from datetime import UTC, datetime
from typing import Any

from pipeline.local.protocol import JsonService, ServiceError

Json = dict[str, Any]


class GlueService(JsonService):
    """Databases and tables of one account."""

    service = "glue"
    signing_name = "glue"

    def __init__(self, account_id: str) -> None:
        self._account_id = account_id
        self._databases: dict[str, Json] = {}
        self._tables: dict[tuple[str, str], Json] = {}
        self._lock = threading.Lock()

    def create_database(self, parameters: Json) -> Json:
        made = self._own(parameters, parameters["DatabaseInput"])
        with self._lock:
            if made["Name"] in self._databases:
                raise ServiceError("AlreadyExistsException", f"Database {made['Name']} already exists.")
            self._databases[made["Name"]] = {**made, "CreateTime": datetime.now(UTC)}
        return {}

    def update_database(self, parameters: Json) -> Json:
        before = self._database(parameters["Name"])
        made = self._own(parameters, {**parameters["DatabaseInput"], "Name": before["Name"]})
        with self._lock:
            self._databases[before["Name"]] = {**made, "CreateTime": before["CreateTime"]}
        return {}

    def get_database(self, parameters: Json) -> Json:
        return {"Database": self._database(parameters["Name"])}

    def get_databases(self, parameters: Json) -> Json:
        with self._lock:
            return {"DatabaseList": [self._databases[name] for name in sorted(self._databases)]}

    def delete_database(self, parameters: Json) -> Json:
        name = self._database(parameters["Name"])["Name"]
        with self._lock:
            del self._databases[name]
            self._tables = {place: table for place, table in self._tables.items() if place[0] != name}
        return {}

    def create_table(self, parameters: Json) -> Json:
        made = self._table_of(parameters)
        place = made["DatabaseName"], made["Name"]
        with self._lock:
            if place in self._tables:
                raise ServiceError("AlreadyExistsException", f"Table {place[1]} already exists.")
            self._tables[place] = {**made, "CreateTime": datetime.now(UTC), "UpdateTime": datetime.now(UTC)}
        return {}

    def update_table(self, parameters: Json) -> Json:
        made = self._table_of(parameters)
        before = self._table(made["DatabaseName"], made["Name"])
        changed = {**made, "CreateTime": before["CreateTime"], "UpdateTime": datetime.now(UTC)}
        with self._lock:
            self._tables[made["DatabaseName"], made["Name"]] = changed
        return {}

    def get_table(self, parameters: Json) -> Json:
        return {"Table": self._table(parameters["DatabaseName"], parameters["Name"])}

    def get_tables(self, parameters: Json) -> Json:
        database = self._database(parameters["DatabaseName"])["Name"]
        with self._lock:
            return {"TableList": [self._tables[place] for place in sorted(self._tables) if place[0] == database]}

    def delete_table(self, parameters: Json) -> Json:
        table = self._table(parameters["DatabaseName"], parameters["Name"])
        with self._lock:
            del self._tables[table["DatabaseName"], table["Name"]]
        return {}

    def _own(self, parameters: Json, given: Json) -> Json:
        catalog = parameters.get("CatalogId", self._account_id)
        if catalog != self._account_id:
            raise ServiceError(
                "EntityNotFoundException", f"Catalog {catalog} is not this account's, {self._account_id}."
            )
        return {**given, "Name": given["Name"].lower(), "CatalogId": catalog}

    def _table_of(self, parameters: Json) -> Json:
        if "TableInput" not in parameters:
            raise ServiceError("InvalidInputException", "TableInput is missing, and no other table is kept here.")
        database = self._database(parameters["DatabaseName"])["Name"]
        return {**self._own(parameters, parameters["TableInput"]), "DatabaseName": database}

    def _database(self, name: str) -> Json:
        with self._lock:
            found = self._databases.get(name.lower())
        if found is None:
            raise ServiceError("EntityNotFoundException", f"Database {name} not found.")
        return found

    def _table(self, database: str, name: str) -> Json:
        with self._lock:
            found = self._tables.get((database.lower(), name.lower()))
        if found is None:
            raise ServiceError("EntityNotFoundException", f"Table {name} of database {database} not found.")
        return found
