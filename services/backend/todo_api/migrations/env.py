"""Lets Alembic use the connection and the transaction of the process."""

from alembic import context
from sqlmodel import SQLModel

import todo_api.models  # noqa: F401  (makes the tables known)
from todo_api.migrate import VERSION_TABLE

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=SQLModel.metadata, version_table=VERSION_TABLE
)
with context.begin_transaction():
    context.run_migrations()
