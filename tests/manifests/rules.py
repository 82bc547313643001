"""deploy/observability/alerts.yaml in the Prometheus operator's wrapping, which no kustomization can put on.

`python3 tests/manifests/rules.py` writes it; the checks hold the two against each other.
"""

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "observability"
WRAPPED = FOLDER / "prometheus-rule.yaml"
HEAD = """\
# alerts.yaml as the Prometheus operator takes it. Written by tests/manifests/rules.py: change alerts.yaml.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: countersign
spec:
"""


def wrapped():
    """The file as it should be."""
    lines = [line for line in (FOLDER / "alerts.yaml").read_text().splitlines() if not line.startswith("#")]
    return HEAD + "".join(f"  {line}".rstrip() + "\n" for line in lines)


def findings():
    """Whether somebody changed the one and not the other."""
    if not WRAPPED.exists() or WRAPPED.read_text() != wrapped():
        yield f"{WRAPPED.name} is not alerts.yaml: run `python3 tests/manifests/rules.py`"


if __name__ == "__main__":
    WRAPPED.write_text(wrapped())
