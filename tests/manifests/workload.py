"""Built manifests as programs see them: the environment, the secret files, the mounts of a container."""


class Cluster:
    """All documents of one build, by kind and name."""

    def __init__(self, documents):
        self.documents = documents
        self.by_name = {(document["kind"], document["metadata"]["name"]): document for document in documents}

    def get(self, kind, name):
        """A document, or None."""
        return self.by_name.get((kind, name))

    def of_kind(self, *kinds):
        """All documents of these kinds."""
        return [document for document in self.documents if document["kind"] in kinds]

    def secret_keys(self, name):
        """The keys of a Secret, whoever makes it; None if nobody does."""
        secret = self.get("Secret", name)
        if secret is not None:
            return {*secret.get("data", {}), *secret.get("stringData", {})}
        external = next(
            (one for one in self.of_kind("ExternalSecret") if one["spec"]["target"]["name"] == name), None
        )
        if external is not None:
            return {entry["secretKey"] for entry in external["spec"]["data"]}
        if any(one["spec"]["secretName"] == name for one in self.of_kind("Certificate")):
            return {"tls.crt", "tls.key", "ca.crt"}
        if any(f"{one['metadata']['name']}-ca" == name for one in self.of_kind("Cluster")):
            return {"ca.crt", "ca.key"}
        return None

    def programs(self):
        """Every container that runs one of our programs."""
        for document in self.of_kind("Deployment", "Job", "StatefulSet"):
            for container in document["spec"]["template"]["spec"]["containers"]:
                if container.get("command", [""])[0].split("-")[0] == "countersign":
                    yield Program(self, document, container)


class Program:
    """One container with what it is given."""

    def __init__(self, cluster, document, container):
        self.cluster = cluster
        self.document = document
        self.container = container
        self.pod = document["spec"]["template"]["spec"]
        self.labels = document["spec"]["template"]["metadata"]["labels"]
        self.name = document["metadata"]["name"]
        self.program = container["command"][0]
        self.arguments = container.get("args", [])
        self.missing = []
        self.environment = self._environment()
        self.files = self._files()

    def _environment(self):
        environment = {}
        for source in self.container.get("envFrom", []):
            reference = source.get("configMapRef")
            if reference is None:
                self.missing.append("envFrom takes a Secret: secrets are files")
                continue
            settings = self.cluster.get("ConfigMap", reference["name"])
            if settings is None:
                self.missing.append(f"ConfigMap {reference['name']} is made by nobody")
                continue
            environment.update(settings["data"])
        for entry in self.container.get("env", []):
            environment[entry["name"]] = entry.get("value", "")
        return environment

    def _files(self):
        """Every file that a volume of keys puts under a mount, by its path."""
        files = set()
        volumes = {volume["name"]: volume for volume in self.pod.get("volumes", [])}
        for mount in self.container.get("volumeMounts", []):
            volume = volumes.get(mount["name"])
            if volume is None:
                self.missing.append(f"volume {mount['name']} is not there")
                continue
            for key in self._keys_of(volume):
                files.add(f"{mount['mountPath']}/{key}")
        return files

    def _keys_of(self, volume):
        sources = volume.get("projected", {}).get("sources", [])
        if "secret" in volume:
            secret = {"name": volume["secret"]["secretName"], **volume["secret"]}
            sources = [{"secret": secret}]
        if "configMap" in volume:
            sources = [{"configMap": volume["configMap"]}]
        for source in sources:
            (kind, reference), = source.items()
            yield from self._keys_of_source(kind, reference)

    def _keys_of_source(self, kind, reference):
        if kind == "secret":
            keys = self.cluster.secret_keys(reference["name"])
        else:
            config_map = self.cluster.get("ConfigMap", reference["name"])
            keys = None if config_map is None else set(config_map["data"])
        if keys is None:
            self.missing.append(f"{kind} {reference['name']} is made by nobody")
            return
        items = reference.get("items")
        if items is None:
            yield from keys
            return
        for item in items:
            if item["key"] not in keys:
                self.missing.append(f"{kind} {reference['name']} has no key {item['key']}")
            yield item["path"]

    def mounted(self, path):
        """Whether a file or folder is on some volume."""
        mounts = [mount["mountPath"] for mount in self.container.get("volumeMounts", [])]
        return any(path == mount or path.startswith(f"{mount}/") for mount in mounts)
