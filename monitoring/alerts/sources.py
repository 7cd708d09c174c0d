"""Sources: how what an incident comes of begins: a rule's number, a notice's kind, a group's cause. What the platform finds by itself is `platform:…`."""

RULE, NOTICE, GROUP = "rule:", "notice:", "group:"
