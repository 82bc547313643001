"""Network policies against the arrows that there are: nothing missing, nothing more."""

from workload import Cluster

# The other end of an arrow, and its port. Pods are named by the values of their labels, namespaces with a
# slash; the internet is everywhere but private networks.
DNS, POSTGRES, NATS = ("kube-system/kube-dns", 53), ("postgres", 5432), ("nats", 4222)
HTTPS = ("internet", 443)
# What every server calls, and what each calls besides.
COMMON = {DNS, POSTGRES, NATS, ("monitoring/", 4317)}
OUT = {
    "estimate": set(),
    "approval": {HTTPS},
    "offer": {HTTPS, ("server approval", 50051)},
    "notification": {HTTPS, ("internet", 465), ("internet", 587)},
    "disbursement-reconciliation": {HTTPS},
}
# The sandbox and the mail catcher of the one, the issuer's keys of the other.
OUT_IN = {
    "dev": {"offer": {("sandbox", 8080)}, "notification": {("mail-catcher", 2525)}},
    "prod": {name: {("192.0.2.0/24", 443)} for name in OUT},
}
# Who is heard by servers: callers, who scrapes, and of one of them another.
HEARD = {("caller=true/", 50051), ("caller=true", 50051), ("monitoring/", 9090)}
HEARD_BY = {"approval": {("server offer", 50051)}}
OF_NATS = {
    "egress": {DNS, ("nats", 6222)},
    "ingress": {("server", 4222), ("nats", 6222), ("monitoring/", 8222)},
}
HEARD_IN = {"prod": {("keda/", 8222)}}
PRIVATE = {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}


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
            out = COMMON | OUT[name] | OUT_IN.get(overlay, {}).get(name, set())
            heard = HEARD | HEARD_BY.get(name, set())
        elif component == "migration":
            out, heard = {DNS, POSTGRES}, set()
        else:
            continue
        yield from difference(program.name, "calls", out, arrows(policies, program.labels, "egress"))
        yield from difference(program.name, "hears", heard, arrows(policies, program.labels, "ingress"))
    nats = cluster.get("StatefulSet", "nats")
    if nats is not None:
        labels = nats["spec"]["template"]["metadata"]["labels"]
        heard = OF_NATS["ingress"] | HEARD_IN.get(overlay, set())
        yield from difference("nats", "calls", OF_NATS["egress"], arrows(policies, labels, "egress"))
        yield from difference("nats", "hears", heard, arrows(policies, labels, "ingress"))


def difference(name, verb, wanted, found):
    """Both ways."""
    for peer, port in sorted(wanted - found, key=str):
        yield f"{name} {verb} {peer} on port {port}, and no policy lets it"
    for peer, port in sorted(found - wanted, key=str):
        yield f"{name}: a policy opens port {port} of {peer} ({verb}), and nothing needs it"


def denies(policy):
    """Whether a policy selects everything and lets nothing through."""
    spec = policy["spec"]
    both = set(spec["policyTypes"]) == {"Ingress", "Egress"}
    return both and spec["podSelector"] == {} and not spec.get("ingress") and not spec.get("egress")


def arrows(policies, labels, direction):
    """The other ends and ports that policies open for a pod with these labels."""
    opened = set()
    for policy in policies:
        if not selects(policy["spec"]["podSelector"], labels):
            continue
        for rule in policy["spec"].get(direction, []):
            peers = rule.get("to" if direction == "egress" else "from") or [{}]
            ports = [port["port"] for port in rule.get("ports", [])] or ["any"]
            opened.update((peer_of(peer), port) for peer in peers for port in ports)
    return opened


def peer_of(peer):
    """The other end, as the tables above name it."""
    block = peer.get("ipBlock")
    if block is not None:
        private = PRIVATE <= set(block.get("except", []))
        return "internet" if block["cidr"] == "0.0.0.0/0" and private else block["cidr"]
    space = peer.get("namespaceSelector")
    if space is None and "podSelector" not in peer:
        return "anybody"
    pods = named(peer.get("podSelector", {}))
    return pods if space is None else f"{named(space)}/{pods}"


def named(selector):
    """The values of a selector's labels in the order of their keys; of a yes-or-no label its name too."""
    labels = dict(selector.get("matchLabels", {}))
    for expression in selector.get("matchExpressions", []):
        labels[expression["key"]] = "|".join(expression.get("values", [expression["operator"]]))
    return " ".join(
        f"{key.split('/')[-1]}={value}" if value == "true" else value for key, value in sorted(labels.items())
    )


def selects(selector, labels):
    """Whether a label selector takes these labels; only operator In is known."""
    if any(labels.get(key) != value for key, value in selector.get("matchLabels", {}).items()):
        return False
    return all(
        labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", [])
        if expression["operator"] == "In"
    )
