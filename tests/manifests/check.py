"""Runs every check of deploy/kubernetes, printing each as it ends. `check` starts it."""

import argparse
import subprocess
import sys
import unittest
from pathlib import Path

import agreement
import build
import network
import rules
import schema
import yaml

HERE = Path(__file__).resolve().parent
TIMEOUT_SECONDS = 300


class Report:
    """What ran and what it found, said at once."""

    def __init__(self):
        self.failed = False

    def step(self, name, findings):
        """Prints the step and its findings."""
        found = list(findings)
        print(f"  {'✗' if found else '✓'} {name}", flush=True)
        for finding in found:
            print(f"      {finding}", flush=True)
        self.failed = self.failed or bool(found)


def tool(*command):
    """Runs a checker; its output is what it finds."""
    done = subprocess.run(
        [sys.executable, "-m", *command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=False
    )
    if done.returncode == 0:
        return []
    return (done.stdout + done.stderr).strip().splitlines() or [f"{command[0]} ended with {done.returncode}"]


def main():
    """Everything; the exit code says whether anything was found."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--kustomize", required=True, help="the command, such as `kubectl kustomize`")
    arguments.add_argument("--work", required=True, type=Path, help="a folder inside the repository")
    given = arguments.parse_args()
    kustomize = given.kustomize.split()
    report = Report()
    report.step("yamllint", tool("yamllint", "-c", HERE / "yamllint.yaml", "--strict", build.KUBERNETES, HERE))
    report.step("the operator's alerts are deploy/observability's", rules.findings())
    for folder in [*build.overlays(), *build.components(given.work)]:
        try:
            documents = build.kustomize(kustomize, folder)
        except build.BuildError as error:
            report.step(f"{folder.name}: builds", [str(error)])
            continue
        report.step(f"{folder.name}: builds, {len(documents)} documents", [])
        report.step(f"{folder.name}: schemas", schema.findings(documents))
        if folder in build.overlays():
            whole(report, folder.name, documents, given.work)
    suite = unittest.defaultTestLoader.discover(HERE, pattern="test_*.py")
    print("  broken copies are refused:", flush=True)
    build.COMMAND, build.WORK = kustomize, given.work
    report.failed |= not unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite).wasSuccessful()
    return 1 if report.failed else 0


def whole(report, overlay, documents, work):
    """What is asked only of what somebody installs."""
    report.step(f"{overlay}: agrees with the code", agreement.findings(documents, overlay))
    report.step(f"{overlay}: network policies", network.findings(documents, overlay))
    built = work / f"{overlay}.yaml"
    built.write_text(yaml.safe_dump_all(documents))
    checkov = ("checkov.main", "--config-file", HERE / "checkov.yaml", "--file", built)
    report.step(f"{overlay}: checkov", tool(*checkov))


if __name__ == "__main__":
    sys.exit(main())
