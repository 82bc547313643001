"""The checks must be able to fail: each case breaks a copy of deploy/kubernetes in one place."""

import shutil
import unittest

import agreement
import build
import network
import schema

OBSERVABILITY = build.KUBERNETES.parent / "observability"

# Overlay, file, what is there, what is put there, what must be said.
CASES = {
    "a misspelt key": (
        "prod", "base/service/server.yaml", "readinessProbe:", "readinesProbe:", "readinesProbe",
    ),
    "a misspelt key of a custom resource": (
        "prod", "components/keda/scaling.yaml", "minReplicaCount:", "minReplicaCuont:", "minReplicaCuont",
    ),
    "a value of the wrong type": (
        "prod", "base/service/grpc.yaml", "port: 50051", "port: fifty", "fifty",
    ),
    "a custom resource that nobody knows": (
        "prod", "components/monitoring/pod-monitors.yaml", "kind: PodMonitor", "kind: PodWatcher", "no schema",
    ),
    "a misspelt setting": (
        "prod", "base/common-settings.env", "COUNTERSIGN_LOG_FORMAT", "COUNTERSIGN_LOG_FROMAT",
        "no setting log_fromat",
    ),
    "a setting of another service": (
        "prod", "base/estimate/settings.env", "COUNTERSIGN_NATS_USER=estimate",
        "COUNTERSIGN_NATS_USER=estimate\nCOUNTERSIGN_OFFER__SELLER=acme", "no setting offer__seller",
    ),
    "a setting that is missing": (
        "prod", "overlays/prod/notification-settings.env", "COUNTERSIGN_NOTIFICATION__MAIL_FROM=",
        "# ", "notification.mail_from is not set",
    ),
    "a default for one machine": (
        "prod", "base/common-settings.env", "COUNTERSIGN_LISTEN=0.0.0.0:50051", "#", "listen is not set",
    ),
    "a misspelt secret": (
        "dev", "overlays/dev/secrets/offer-run.env", "nats_password", "nats_pasword", "no setting nats_pasword",
    ),
    "a secret that nobody makes": (
        "prod", "overlays/prod/secrets.yaml", "    name: estimate-owner", "    name: estimate-onwer",
        "secret estimate-owner is made by nobody",
    ),
    "a token that nobody makes": (
        "prod", "base/offer/kustomization.yaml", "secretName: offer-approval-token", "secretName: offer-token",
        "secret offer-token is made by nobody",
    ),
    "a catcher that is told something else": (
        "dev", "overlays/dev/sandbox.yaml", "--smtp,", "--mails,", "countersign is told",
    ),
    "a scrape without the labels that alerts name": (
        "prod", "components/monitoring/pod-monitors.yaml", "replacement: countersign", "replacement: servers",
        "and alerts name",
    ),
    "a scrape without alerts": (
        "prod", "components/monitoring/kustomization.yaml", "  - ../../../observability", "", "there are no alerts",
    ),
    "a migration that knows too much": (
        "prod", "base/service/migrations.yaml", "args: [migrate]", "args: [check]", "is given",
    ),
    "a subcommand that is none": (
        "prod", "base/service/server.yaml", "args: [serve]", "args: [server]", "no subcommand ['server']",
    ),
    "a program that is none": (
        "prod", "base/offer/kustomization.yaml", "value: countersign-offer", "value: countersign-ofer",
        "no program countersign-ofer",
    ),
    "a health name that nobody serves": (
        "prod", "base/service/server.yaml", "service: liveness", "service: aliveness", "aliveness",
    ),
    "a probe on another port": (
        "prod", "base/service/server.yaml", "port: 9090", "port: 9091", "asks on 9091",
    ),
    "a port that nobody listens on": (
        "prod", "base/service/server.yaml", "containerPort: 50051", "containerPort: 50052", "port grpc is 50052",
    ),
    "too short a grace": (
        "prod", "base/service/server.yaml", "terminationGracePeriodSeconds: 60",
        "terminationGracePeriodSeconds: 15", "is killed before it has stopped",
    ),
    "a service that is not there": (
        "prod", "components/mtls/common-settings.env", "tls://nats:4222", "tls://natz:4222", "no such Service",
    ),
    "a file that is not mounted": (
        "prod", "components/mtls/common-settings.env", "/etc/countersign/tls/tls.crt",
        "/etc/countersign/tls/server.crt", "tls_certificate_file names",
    ),
    "a consumer that is none": (
        "prod", "components/keda/scaling.yaml", "offer__on-approval", "offer_on_approval", "offer__on-approval",
    ),
    "more copies of a stream than replicas": (
        "dev", "overlays/dev/common-settings.env", "NATS_STREAM_REPLICAS=1", "NATS_STREAM_REPLICAS=3",
        "wants 3 copies",
    ),
    "a password that NATS is not given": (
        "dev", "overlays/dev/secrets/nats-passwords.env", "NATS_OFFER_PASSWORD", "NATS_OFFERS_PASSWORD",
        "NATS_OFFER_PASSWORD",
    ),
    "an arrow that no policy lets": (
        "prod", "base/network/inside.yaml", "port: 5432", "port: 5433", "calls postgres on port 5432",
    ),
    "an arrow that nobody named": (
        "prod", "base/network/outside.yaml", "port: 587", "port: 25", "opens port 25 of internet",
    ),
    "an arrow to somebody else": (
        "prod", "base/network/inside.yaml", "component: postgres", "component: postgrez",
        "calls postgres on port 5432",
    ),
    "an arrow into private networks": (
        "prod", "base/network/outside.yaml", "except: [10.0.0.0/8, ", "except: [",
        "opens port 443 of 0.0.0.0/0",
    ),
    "a door that is open to anybody": (
        "prod", "base/network/everybody.yaml", 'countersign/caller: "true"', "countersign/caller: maybe",
        "hears caller=true on port 50051",
    ),
    "policies that deny nothing": (
        "prod", "base/network/deny.yaml", "policyTypes: [Ingress, Egress]", "policyTypes: [Ingress]",
        "no policy denies",
    ),
}


def copy_to(folder):
    """A fresh copy of deploy/kubernetes, and beside it of what it takes from its neighbour."""
    for source, copy in ((build.KUBERNETES, folder), (OBSERVABILITY, folder.parent / OBSERVABILITY.name)):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(source, copy)


class BrokenCopies(unittest.TestCase):
    """One test; each case is a subtest with its name."""

    def test_each_is_refused(self):
        """The finding must say what is wrong, not only that something is."""
        copy = build.WORK / "broken"
        intact = {
            name: build.kustomize(build.COMMAND, build.KUBERNETES / "overlays" / name) for name in ("dev", "prod")
        }
        for name, case in CASES.items():
            with self.subTest(name):
                overlay, file, there, instead, said = case
                copy_to(copy)
                text = (copy / file).read_text()
                self.assertIn(there, text)
                (copy / file).write_text(text.replace(there, instead))
                documents = build.kustomize(build.COMMAND, copy / "overlays" / overlay)
                # Reading Kubernetes' schemas takes long: only of what the break has changed.
                changed = [document for document in documents if document not in intact[overlay]]
                found = [
                    *schema.findings(changed),
                    *agreement.findings(documents, overlay),
                    *network.findings(documents, overlay),
                ]
                self.assertIn(said, "\n".join(found))
        shutil.rmtree(copy)

    def test_kustomize_refuses_what_is_not_there(self):
        """A resource that is named and missing is no empty resource."""
        copy = build.WORK / "broken"
        copy_to(copy)
        (copy / "base" / "network" / "deny.yaml").unlink()
        with self.assertRaises(build.BuildError):
            build.kustomize(build.COMMAND, copy / "overlays" / "prod")
        shutil.rmtree(copy)
