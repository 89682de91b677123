"""A language for tests, in which every word of ours is in brackets: what stands outside was never in a template."""

import re


def bracketed(template: str) -> str:
    """The template in that language."""
    return re.sub(r"\{\w+(:[^{}]*)?\}", r"⟧\g<0>⟦", f"⟦{template}⟧").replace("⟦⟧", "")


def outside(text: str) -> str:
    """What stands outside of brackets."""
    return re.sub(r"⟦[^⟧]*⟧", "", text)
