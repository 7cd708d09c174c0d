"""Values of metrics lie in their rows: a chart of a year looks into some nine thousand, and to fetch each from beside costs as much as all else.

Least and most, which no chart reads, may lie beside.
"""

from django.db import migrations

TABLES = ("monitoring_metrictick", "monitoring_metricminute", "monitoring_metrichour", "monitoring_metricday")
STORED = "ALTER TABLE {table} ALTER subjects SET STORAGE {storage}, ALTER values SET STORAGE {storage}"


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_first_form")]

    operations = [migrations.RunSQL(STORED.format(table=table, storage="MAIN"), STORED.format(table=table, storage="EXTENDED")) for table in TABLES]
