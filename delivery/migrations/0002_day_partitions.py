"""Give the history its day partitions and the queue its vacuum settings.

Partitions are made by day of the id (mailplatform.shell.ids), so a day's history is dropped as a whole and never deleted row
by row. A default partition catches what no day was made for: an insert never fails for want of a partition.
"""

from datetime import UTC, datetime

from django.db import migrations

from delivery.history import HISTORY_TABLES, day_partitions_sql

INDEXES = {
    "delivery_message": "CREATE INDEX message_of_tenant ON delivery_message (tenant_id, id)",
    "delivery_delivery": "CREATE INDEX delivery_of_recipient ON delivery_delivery (recipient, id)",
    "delivery_event": "CREATE INDEX event_of_delivery ON delivery_event (delivery_id)",
}


def _partitioned(table: str) -> str:
    return f"""
        ALTER TABLE {table} RENAME TO {table}_plain;
        CREATE TABLE {table} (LIKE {table}_plain INCLUDING ALL EXCLUDING INDEXES) PARTITION BY RANGE (id);
        DROP TABLE {table}_plain;
        ALTER TABLE {table} ADD PRIMARY KEY (id);
        {INDEXES.get(table, "SELECT 1")};
        CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
    """


def make_first_days(apps, schema_editor) -> None:
    with schema_editor.connection.cursor() as cursor:
        for statement in day_partitions_sql(datetime.now(UTC).date(), days=14):
            cursor.execute(statement)


# Queue tables turn over completely many times an hour: vacuum by fixed thresholds, at once, without giving pages back. Rows that are updated with every
# claim or submission have room on their page, which lets that be a HOT update.
QUEUE = """
    ALTER TABLE delivery_ready SET (autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
    ALTER TABLE delivery_waiting SET (autovacuum_vacuum_threshold = 50000, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
    ALTER TABLE delivery_claimed SET (autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_scale_factor = 0,
      autovacuum_vacuum_insert_threshold = -1, autovacuum_vacuum_cost_delay = 0, vacuum_truncate = off);
    ALTER TABLE delivery_engine SET (fillfactor = 50);
    ALTER TABLE delivery_fairtag SET (fillfactor = 70);
    ALTER TABLE delivery_lane SET (fillfactor = 70);
    ALTER TABLE delivery_transactionalpace SET (fillfactor = 50);
"""


class Migration(migrations.Migration):
    dependencies = [("delivery", "0001_first_form")]

    operations = [
        *[migrations.RunSQL(_partitioned(table), migrations.RunSQL.noop) for table in HISTORY_TABLES],
        # Mail bodies do not compress twice, and the wheel's server has no lz4: stored outside the row as they are.
        migrations.RunSQL("ALTER TABLE delivery_body ALTER mime SET STORAGE EXTERNAL", migrations.RunSQL.noop),
        migrations.RunSQL(QUEUE, migrations.RunSQL.noop),
        migrations.RunPython(make_first_days, migrations.RunPython.noop),
    ]
