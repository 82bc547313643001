"""Network policies against the arrows that there are: nothing missing, nothing more."""

from workload import Cluster

# To which ports each part may open connections: DNS, Postgres, NATS, the collector, and its own.
COMMON = {53, 5432, 4222, 4317}
OUT = {
    "estimate": COMMON,
    "approval": COMMON | {443},
    "offer": COMMON | {443, 50051},
    "notification": COMMON | {443, 465, 587},
    "disbursement-reconciliation": COMMON | {443},
}
# The sandbox and the mail catcher of the one, the issuer's keys of the other.
OUT_IN = {
    "dev": {"offer": {8080}, "notification": {2525}},
    "prod": {name: {443} for name in OUT},
}
# On which ports each kind of part hears anything at all.
IN = {"server": {50051, 9090}, "migration": set(), "nats": {4222, 6222, 8222}}


def findings(documents, overlay):
    """Policies that are missing, and arrows that nobody named."""
    cluster = Cluster(documents)
    policies = cluster.of_kind("NetworkPolicy")
    if not any(denies(policy) for policy in policies):
        yield "no policy denies by default"
    for program in cluster.programs():
        name = program.labels.get("app.kubernetes.io/name")
        component = program.labels["app.kubernetes.io/component"]
        if component == "server":
            out = OUT[name] | OUT_IN.get(overlay, {}).get(name, set())
        elif component == "migration":
            out = {53, 5432}
        else:
            continue
        yield from difference(program.name, "calls", out, ports(policies, program.labels, "egress"))
        yield from difference(program.name, "hears", IN[component], ports(policies, program.labels, "ingress"))
    nats = cluster.get("StatefulSet", "nats")
    if nats is not None:
        labels = nats["spec"]["template"]["metadata"]["labels"]
        yield from difference("nats", "calls", {53, 6222}, ports(policies, labels, "egress"))
        yield from difference("nats", "hears", IN["nats"], ports(policies, labels, "ingress"))


def difference(name, verb, wanted, found):
    """Both ways."""
    for port in sorted(wanted - found, key=str):
        yield f"{name} {verb} port {port}, and no policy lets it"
    for port in sorted(found - wanted, key=str):
        yield f"{name}: a policy opens port {port} ({verb}), and nothing needs it"


def denies(policy):
    """Whether a policy selects everything and lets nothing through."""
    spec = policy["spec"]
    both = set(spec["policyTypes"]) == {"Ingress", "Egress"}
    return both and spec["podSelector"] == {} and not spec.get("ingress") and not spec.get("egress")


def ports(policies, labels, direction):
    """The ports that policies open for a pod with these labels."""
    opened = set()
    for policy in policies:
        if not selects(policy["spec"]["podSelector"], labels):
            continue
        for rule in policy["spec"].get(direction, []):
            if not rule.get("ports"):
                opened.add("any")
            opened.update(port["port"] for port in rule.get("ports", []))
    return opened


def selects(selector, labels):
    """Whether a label selector takes these labels; only operator In is known."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(
        labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
        if expression["operator"] == "In"
    )
