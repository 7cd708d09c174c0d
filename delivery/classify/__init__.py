"""From a provider's words to an outcome: the rule book, and the decision."""
