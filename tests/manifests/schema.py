"""Every document against its schema: Kubernetes' own, strictly, and ours for custom resources."""

import json
from pathlib import Path

import jsonschema
import kubernetes_validate

SCHEMAS = Path(__file__).resolve().parent / "schemas"
# The oldest version that has everything used here (preStop sleep), and the newest known one.
VERSIONS = ["1.30", "1.37"]


def name(document):
    """Such as `Deployment/offer-server`."""
    return f"{document.get('kind', '?')}/{document.get('metadata', {}).get('name', '?')}"


def custom(document):
    """The schema of a custom resource, or None."""
    group, _, version = document["apiVersion"].rpartition("/")
    file = SCHEMAS / f"{document['kind'].lower()}.{group}-{version}.json"
    return json.loads(file.read_text()) if file.exists() else None


def findings(documents):
    """What does not fit its schema, has none, or stands twice."""
    seen = set()
    for document in documents:
        key = (document["apiVersion"], document["kind"], document["metadata"]["name"])
        if key in seen:
            yield f"{name(document)} stands twice"
        seen.add(key)
        own = custom(document)
        if own is not None:
            for error in jsonschema.Draft202012Validator(own).iter_errors(document):
                yield f"{name(document)} at {error.json_path}: {error.message}"
            continue
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except kubernetes_validate.SchemaNotFoundError:
                yield f"{name(document)}: {document['apiVersion']} has no schema in {SCHEMAS.name}/"
                break
            except kubernetes_validate.ValidationError as error:
                where = ".".join(str(part) for part in error.path)
                yield f"{name(document)} at {where} (Kubernetes {version}): {error.message}"
                break
