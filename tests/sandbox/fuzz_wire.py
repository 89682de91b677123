"""``make fuzz``: coverage-guided search (atheris) for a message that the trusted side does not withstand.

    python -m tests.sandbox.fuzz_wire SECONDS

Two targets share the time. ``bytes`` gives raw bytes to the decoders and to ``rebuild``; ``values`` lets the fuzzer
steer the Hypothesis test that rebuilds any value of the wire. An exception, or an input that takes ten seconds or
2 GiB, ends the run with exit code 1, and the input is left in ``build/fuzz``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent.parent.parent / "build" / "fuzz"


def fuzz(target: str, options: list[str]) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris
    import hypothesis
    import msgspec
    import torch  # noqa: F401  imported here, so that it is not instrumented

    with atheris.instrument_imports(include=["autograder.wire", "autograder.student"]):
        from autograder.sandbox import wire
        from tests.sandbox import test_wire

    corpus = FOLDER / target
    corpus.mkdir(parents=True, exist_ok=True)
    if target == "bytes":
        for index, value in enumerate(seeds(wire)):
            (corpus / f"seed-{index}").write_bytes(msgspec.msgpack.encode(value))
        tags = ["type", "value", "items", "returned", "params", "float32", "torch.nn.parameter.Parameter"]
        words = [f'"{tag}"' for tag in tags] + [
            f'"\\x{byte:02x}"' for byte in (0x91, 0x93, 0xDC, 0xDD, 0xDF, 0xCB, 0xCF)
        ]
        (FOLDER / "words").write_text("\n".join(words) + "\n")
        options = [*options, f"-dict={FOLDER / 'words'}"]
        run = test_wire.take
    else:
        test = hypothesis.settings(database=None)(test_wire.test_every_value_is_rebuilt)
        run = test.hypothesis.fuzz_one_input
    atheris.Setup([sys.argv[0], str(corpus), *options], run)
    atheris.Fuzz()


def seeds(wire) -> list[object]:
    """A message of each kind."""
    tensor = wire.Tensor("torch.nn.parameter.Parameter", "float32", [2, 1], True, bytes(8))
    member = wire.Member("weight", wire.Known(0), tensor)
    values = [
        wire.Items("tuple", [None, True, 3, -1.5, "text", wire.Known(1), wire.Items("list", [])]),
        wire.Pairs([("a", 1), (2.5, wire.Opaque("set"))]),
        tensor,
        wire.Optimizer("torch.optim.sgd.SGD", [wire.Group([wire.Known(0), tensor], {"lr": 0.1, "betas": None})]),
        wire.Module("torch.nn.Linear", wire.Known(2), True, [("", "Linear")], [member], [member], [("", "x")]),
        wire.Axes(wire.Known(3), [wire.Line("SGD", [0.0, 1.0], [2.0, 1.0])], "t", "x", "y", "linear", "log", ["SGD"]),
    ]
    outputs = [wire.Stream("stdout", "x"), wire.Display(True, "3", b"\x89PNG"), wire.Error("E", "m", ["line"])]
    others = [wire.Raised("E", "m", "t"), wire.Uncallable("undefined", ""), wire.CellDone(outputs)]
    return [*map(wire.Returned, values), *others]


def main(seconds: int) -> int:
    """Fuzz each target for its share of the time; how many of them failed."""
    failed = 0
    for target in ("bytes", "values"):
        limits = [f"-max_total_time={seconds // 2}", "-timeout=10", "-rss_limit_mb=2048", "-max_len=4096"]
        command = [
            sys.executable,
            "-m",
            "tests.sandbox.fuzz_wire",
            target,
            *limits,
            f"-artifact_prefix={FOLDER}/{target}-",
        ]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        inputs = re.findall(r"^#(\d+)\s", done.stderr, re.MULTILINE)
        print(f"{target}: {int(inputs[-1]) if inputs else 0:,} inputs, exit code {done.returncode}")
        if done.returncode or not inputs:
            print(done.stderr[-4000:])
            failed += 1
    return failed


if __name__ == "__main__":
    if sys.argv[1] in ("bytes", "values"):
        fuzz(sys.argv[1], sys.argv[2:])
    sys.exit(main(int(sys.argv[1])))
