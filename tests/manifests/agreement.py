"""What the manifests say of our programs against what the code says: `code.json`, both ways.

tests/manifests.rs keeps `code.json` true to the code.
"""

import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from workload import Cluster

CODE = json.loads((Path(__file__).resolve().parent / "code.json").read_text())
PREFIX = "COUNTERSIGN_"
SECRETS = "/run/secrets/countersign/"

# Whose default is for one machine: a cluster has to say something else.
NOT_FIT_FOR_A_CLUSTER = {
    "listen": "a port of the pod's own loopback",
    "log_format": "for people at a terminal",
    "nats_stream_replicas": "NATS has as many replicas as the overlay says",
    "approval.documents_url": "a folder inside the container",
    "offer.document_store_url": "a folder inside the container",
}

# What alerts and boards of deploy/observability name, and a scrape of the operator's has not by itself.
SCRAPED_AS = {"job": "countersign", "service_name": ["__meta_kubernetes_pod_label_app_kubernetes_io_name"]}

# Empty by default, and rightly unset: in both overlays, or in one.
RIGHTLY_UNSET = {
    "clock_file": ("dev", "prod"),  # rehearsals only (P8)
    "database_owner_url": ("dev", "prod"),  # migrations only; see JOB_SECRETS
    "database_admin_url": ("dev", "prod"),
    "database_ca_file": ("dev", "prod"),  # the URLs name whom Postgres is vouched for by
    "otlp_endpoint": ("dev",),  # no collector
    "tls_certificate_file": ("dev",),  # no certificates
    "tls_key_file": ("dev",),
    "tls_client_ca_file": ("dev",),
    "tls_ca_file": ("dev",),
    "nats_ca_file": ("dev",),
    "offer.marketplace_endpoint": ("prod",),  # AWS itself
    "offer.marketplace_access_key_id": ("prod",),  # the role of the service account
    "offer.marketplace_secret_access_key": ("prod",),
    "offer.document_public_url_base": ("prod",),  # signed URLs
    "offer.events_queue_url": ("dev", "prod"),  # polling finds all; the queue is the seller's to name
}

# What each job may know, and no more.
JOB_SECRETS = {
    "provision": {"database_admin_url", "database_owner_url", "database_url"},
    "migrate": {"database_owner_url"},
}


def findings(documents, overlay):
    """What does not agree in one overlay."""
    cluster = Cluster(documents)
    served = set()
    for program in cluster.programs():
        for problem in of_program(program, overlay):
            yield f"{program.name}: {problem}"
        if program.arguments == ["serve"]:
            served.add(program.program)
    for service in CODE["services"].values():
        if service["program"] not in served:
            yield f"nobody serves {service['program']}"
    yield from of_scaling(cluster)
    yield from of_nats(cluster)
    yield from of_monitoring(cluster)


def of_program(program, overlay):
    """One container of ours."""
    yield from program.missing
    service = next((one for one in CODE["services"].values() if one["program"] == program.program), None)
    if service is None:
        yield from of_other_program(program)
        return
    if len(program.arguments) != 1 or program.arguments[0] not in service["subcommands"]:
        yield f"{program.program} has no subcommand {program.arguments}"
    given = {}
    for variable, value in program.environment.items():
        if variable.startswith(PREFIX):
            given[key_of(variable.removeprefix(PREFIX).lower(), service)] = value
    secrets = {path.removeprefix(SECRETS) for path in program.files if path.startswith(SECRETS)}
    for secret in secrets:
        key = key_of(secret, service)
        if key in given:
            yield f"{key} is a secret and in the environment too"
        given[key] = None
    known = settings_of(service)
    for key in sorted(given.keys() - known.keys()):
        yield f"there is no setting {key}"
    if program.arguments == ["serve"]:
        yield from unset(given, known, overlay)
        yield from of_server(program, service, given, {**known, **given})
    elif secrets != JOB_SECRETS.get(program.arguments[0] if program.arguments else ""):
        yield f"is given {sorted(secrets)}, which is not what {program.arguments} needs"


def of_other_program(program):
    """The sandbox and the mail catcher: what they are told, by environment or by option."""
    known = CODE["programs"].get(program.program)
    if known is None:
        yield f"there is no program {program.program}"
        return
    for variable in program.environment.keys() - set(known["environment"]):
        yield f"{program.program} reads no {variable}"
    words = [word for word in program.arguments if word.startswith("--") or word == program.arguments[0]]
    if sorted(words) != sorted(known.get("arguments", [])):
        yield f"{program.program} is told {words}, and takes {known.get('arguments', [])}"


def key_of(text, service):
    """`offer__seller` is `offer.seller` where `offer` is the service's own section."""
    return text.replace(f"{service['schema']}__", f"{service['schema']}.", 1)


def settings_of(service):
    """Every setting of a service with its default."""
    section = {f"{service['schema']}.{key}": value for key, value in (service["section"] or {}).items()}
    return {**CODE["settings"], **section}


def unset(given, known, overlay):
    """Settings that have to be set here and are not; exceptions that no longer are any."""
    for key, default in known.items():
        empty = default in ("", None, [])
        if key in given or not (empty or key in NOT_FIT_FOR_A_CLUSTER):
            continue
        if overlay not in RIGHTLY_UNSET.get(key, ()):
            yield f"{key} is not set, and its default is no use in a cluster"
    for key in given.keys() & RIGHTLY_UNSET.keys():
        if overlay in RIGHTLY_UNSET[key]:
            yield f"{key} is set, and agreement.py says that it need not be"


def of_server(program, service, given, settings):
    """Ports, probes, addresses and times of a serving container."""
    ports = {port["name"]: port["containerPort"] for port in program.container["ports"]}
    listens = {"grpc": settings["listen"], "management": settings["management_listen"]}
    for name, address in listens.items():
        if address != f"0.0.0.0:{ports.get(name)}":
            yield f"listens on {address}, and port {name} is {ports.get(name)}"
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        asked = program.container.get(probe, {}).get("grpc", {})
        if asked.get("service") not in CODE["probes"]:
            yield f"{probe} asks for {asked.get('service')!r}, which is not served"
        if asked.get("port") != ports.get("management"):
            yield f"{probe} asks on {asked.get('port')}, and port management is {ports.get('management')}"
    if settings["nats_user"] != service["schema"]:
        yield f"nats_user is {settings['nats_user']}, and NATS knows {service['schema']}"
    stop = program.container.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    need = stop + int(settings["drain_timeout_ms"]) / 1000
    if program.pod.get("terminationGracePeriodSeconds", 30) <= need:
        yield f"is killed before it has stopped, which may take {need:g} s"
    yield from of_addresses(program, given)


def of_addresses(program, given):
    """Files that are mounted, services that are there under the port that is named."""
    for key, value in given.items():
        if value is None:
            continue
        path = value.removeprefix("file://")
        named = [path] if path.startswith("/") else re.findall(r'file://(/[^"]*)', value)
        for path in named:
            mounted = path in program.files or (program.mounted(path) and "." not in Path(path).name)
            if not mounted:
                yield f"{key} names {path}, which is not mounted"
        if urlsplit(value).scheme not in ("http", "https", "nats", "tls"):
            continue
        address = urlsplit(value)
        service = program.cluster.get("Service", address.hostname)
        if service is None and "." not in address.hostname:
            yield f"{key} names {address.hostname}, and there is no such Service"
        if service is not None and address.port not in [port["port"] for port in service["spec"]["ports"]]:
            yield f"{key} names port {address.port}, which Service {address.hostname} does not have"


def of_scaling(cluster):
    """Scaling: every server once, by consumers that exist, never below two."""
    schemas = {f"{name}-server": service for name, service in CODE["services"].items()}
    scaled = []
    for document in cluster.of_kind("HorizontalPodAutoscaler", "ScaledObject"):
        spec = document["spec"]
        target = spec["scaleTargetRef"]["name"]
        scaled.append(target)
        if target not in schemas:
            yield f"{document['kind']} scales {target}, which is no server"
            continue
        if spec.get("minReplicas", spec.get("minReplicaCount", 0)) < 2:
            yield f"{target} may have fewer than two replicas"
        if document["kind"] == "ScaledObject":
            yield from of_triggers(target, spec["triggers"], schemas[target])
    deployed = [one for one in cluster.of_kind("Deployment") if one["metadata"]["name"] in schemas]
    for deployment in deployed:
        name = deployment["metadata"]["name"]
        if scaled.count(name) + ("replicas" in deployment["spec"]) != 1:
            yield f"{name} has no one number of replicas: it is scaled {scaled.count(name)} times"


def of_triggers(target, triggers, service):
    """One trigger for each stream that a service hears."""
    wanted = {
        (CODE["services"][heard.replace("_", "-")]["stream"], f"{service['schema']}__on-{heard}")
        for heard in service["hears"]
    }
    found = {
        (trigger["metadata"]["stream"], trigger["metadata"]["consumer"])
        for trigger in triggers
        if trigger["type"] == "nats-jetstream"
    }
    for stream, consumer in sorted(wanted ^ found):
        yield f"{target}: consumer {consumer} of {stream} is in the code or in the scaling, not in both"


def of_monitoring(cluster):
    """Alerts and boards are there as soon as somebody scrapes, and find the labels that they name."""
    monitor = cluster.get("PodMonitor", "servers")
    if monitor is None:
        return
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    ports = {
        port["name"] for program in cluster.programs() for port in program.container.get("ports", [])
        if program.arguments == ["serve"]
    }
    if endpoint["port"] not in ports:
        yield f"PodMonitor servers scrapes port {endpoint['port']}, which no server has"
    found = {
        one["targetLabel"]: one.get("replacement", one.get("sourceLabels")) for one in endpoint.get("relabelings", [])
    }
    if found != SCRAPED_AS:
        yield f"PodMonitor servers labels {found}, and alerts name {SCRAPED_AS}"
    if not cluster.of_kind("PrometheusRule"):
        yield "servers are scraped, and there are no alerts"
    boards = cluster.get("ConfigMap", "countersign-boards")
    if boards is None or boards["metadata"].get("labels", {}).get("grafana_dashboard") != "1":
        yield "servers are scraped, and there are no boards"


def of_nats(cluster):
    """NATS: every password is given, and streams have no more copies than there are replicas."""
    nats = cluster.get("StatefulSet", "nats")
    if nats is None:
        yield "there is no NATS"
        return
    pod = nats["spec"]["template"]["spec"]
    volume = next(one for one in pod["volumes"] if one["name"] == "configuration")
    configuration = cluster.get("ConfigMap", volume["configMap"]["name"])["data"]
    variables = set(re.findall(r"\$(NATS_\w+)", configuration["users.conf"]))
    container = pod["containers"][0]
    given = cluster.secret_keys(container["envFrom"][0]["secretRef"]["name"])
    for variable in sorted(variables ^ (given or set())):
        yield f"NATS: {variable} is in users.conf or in the Secret, not in both"
    replicas = nats["spec"]["replicas"]
    for program in cluster.programs():
        copies = program.environment.get(f"{PREFIX}NATS_STREAM_REPLICAS")
        if copies is not None and int(copies) != replicas:
            yield f"{program.name} wants {copies} copies of its stream; NATS has {replicas} replicas"
