"""Building manifests: every overlay, and every component alone on the base."""

import os
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
TIMEOUT_SECONDS = 60
# How the tests of the checks build, and where: check.py says so, since unittest hands nothing on.
COMMAND = ["kubectl", "kustomize"]
WORK = ROOT / "target" / "manifests"


class BuildError(Exception):
    """kustomize refused; the text is what it said."""


def kustomize(command, folder):
    """The documents that `folder` builds to; `command` is what to call, such as `kubectl kustomize`."""
    done = subprocess.run(
        [*command, str(folder)], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if done.returncode != 0:
        raise BuildError(done.stderr.strip())
    if done.stderr.strip():
        raise BuildError(f"kustomize warns: {done.stderr.strip()}")
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def overlays(kubernetes=KUBERNETES):
    """The folders that somebody installs."""
    return sorted(path.parent for path in kubernetes.glob("overlays/*/kustomization.yaml"))


def components(work, kubernetes=KUBERNETES):
    """A folder for each component: the base and that component, and nothing else."""
    made = []
    for component in sorted(path.parent for path in kubernetes.glob("components/*/kustomization.yaml")):
        folder = work / f"component-{component.name}"
        folder.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(
            {
                "apiVersion": "kustomize.config.k8s.io/v1beta1",
                "kind": "Kustomization",
                "namespace": "countersign",
                "resources": [os.path.relpath(kubernetes / "base", folder)],
                "components": [os.path.relpath(component, folder)],
            }
        )
        (folder / "kustomization.yaml").write_text(text)
        made.append(folder)
    return made
