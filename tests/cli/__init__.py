"""The `rekey` program, as people and pipelines call it."""
