"""The assignment ``optimizers``: SGD, Adam and AdamW, and settings for groups of parameters."""
