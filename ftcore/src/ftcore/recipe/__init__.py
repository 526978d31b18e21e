"""Recipes: the schema, reading with all problems at once, the resolved form, JSON Schema."""
