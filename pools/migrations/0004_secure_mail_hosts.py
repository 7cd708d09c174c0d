from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("pools", "0003_path_binds")]

    operations = [
        migrations.AddField(
            model_name="domainprovider",
            name="secure",
            field=models.BooleanField(db_default=False, default=False, help_text="A trusted resolver found the MX records signed: DANE may be asked."),
        ),
    ]
