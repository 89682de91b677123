"""The lesson ``optimizers/4-three-way-race``."""
