"""What is there before anything is measured: an environment for each peer, and the models that all of them serve."""

import subprocess
import sys
from pathlib import Path

from bench.serving.servers import PACKAGE

ROOT = Path(__file__).parents[2]
PEERS = Path(__file__).with_name("peers")
CSV = ROOT / "examples" / "credit-risk" / "data" / "german-credit.csv"


def make_environment(environments: Path, peer: str) -> None:
    """From its lock file, unless it is there."""
    done = environments / peer / "complete"
    if done.exists():
        return
    python = environments / peer / "bin" / "python"
    uv = str(ROOT / ".venv" / "bin" / "uv")
    make = [uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(environments / peer)]
    subprocess.run(make, check=True)
    install = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--require-hashes", "--python", str(python)]
    subprocess.run([*install, "-r", str(PEERS / f"{peer}.lock")], check=True)
    done.touch()


def make_models(environments: Path, models: Path) -> None:
    """Train and convert what the comparisons serve, unless it is done."""
    if (models / "complete").exists():
        return
    models.mkdir(parents=True, exist_ok=True)
    _run(environments, str(PEERS.parent / "train.py"), str(CSV), str(models))
    for model in ("lr", "rf"):
        convert(environments, models / model)
    (models / "complete").touch()


def make_growing_models(environments: Path, models: Path) -> None:
    """The same for those with more and more columns and trees."""
    if (models / "complete").exists():
        return
    models.mkdir(parents=True, exist_ok=True)
    _run(environments, str(PEERS.parent / "train.py"), "--growing", str(CSV), str(models))
    for model in sorted(path.parent for path in models.glob("*/mlflow")):
        convert(environments, model)
    (models / "complete").touch()


def convert(environments: Path, model: Path) -> None:
    """The MLflow model in a folder to ONNX beside it."""
    _run(environments, "-m", "pratique_serving.convert", str(model / "mlflow"), str(model))


def _run(environments: Path, *arguments: str) -> None:
    python = str(environments / "model" / "bin" / "python")
    environment = {"PYTHONPATH": str(PACKAGE), "PYTHONWARNINGS": "ignore", "PATH": "/usr/bin:/bin"}
    subprocess.run([python, *arguments], check=True, env=environment)
