"""No deadline for single examples: on a machine that is busy with the rest of the suite it would only measure the neighbours."""

from hypothesis import settings

settings.register_profile("calm", deadline=None)
settings.load_profile("calm")
