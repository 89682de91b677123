"""The lesson ``optimizers/3-learning-rate-groups``."""
