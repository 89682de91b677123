"""What runs inside the sandbox: the Zygote, which is ours, and the Guests, in which student code lives.

Nothing here holds an answer, an expected value or a secret. Nothing here is believed by the trusted side either:
from the moment that a Guest runs a student's cell, its messages are only that student's claims.
"""
