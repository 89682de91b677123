"""The lesson ``optimizers/1-build-optimizers``."""
