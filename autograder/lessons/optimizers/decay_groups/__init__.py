"""The lesson ``optimizers/2-decay-groups``."""
