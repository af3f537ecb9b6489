"""Holds rendered manifests against schemas, and follows the names in them.

Objects of Kubernetes are held against the schemas of its oldest and newest version here, objects of
other groups against their CustomResourceDefinitions. Unknown members are errors, and so are
objects whose schema is not known. A schema does not see a name that leads nowhere: a selector
that selects no pod, a port or a volume that nobody has. Those are followed here.
"""

import argparse
import pathlib
import sys

import jsonschema
import kubernetes_validate
import yaml

# PodDisruptionBudget.unhealthyPodEvictionPolicy is as old as 1.27.
VERSIONS = ("1.27", "1.37")


def custom_schemas(folder):
    """The schemas of a folder of CustomResourceDefinitions, by version and kind."""
    schemas = {}
    for path in sorted(folder.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text())["spec"]
        for version in spec["versions"]:
            schema = strict(version["schema"]["openAPIV3Schema"])
            # The API server's own; the definition says only that it is an object.
            schema["properties"]["metadata"] = {"type": "object"}
            schemas[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    if not schemas:
        sys.exit(f"{folder}: no CustomResourceDefinition is there")
    return schemas


def strict(schema):
    """A schema in which unknown members are errors, and the API server's own types are told."""
    if isinstance(schema, list):
        return [strict(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    schema = {key: strict(part) for key, part in schema.items()}
    if isinstance(schema.get("properties"), dict):
        schema.setdefault("additionalProperties", False)
    if schema.pop("x-kubernetes-int-or-string", False):
        schema = {key: part for key, part in schema.items() if key not in ("type", "anyOf")}
        schema["type"] = ["integer", "string"]
    return schema


def schema_faults(item, custom):
    """What its schema says against an object."""
    kind = (item["apiVersion"], item["kind"])
    if kind in custom:
        validator = jsonschema.Draft202012Validator(custom[kind])
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(item)]
    faults = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(item, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            faults.append(f"{error.json_path}: {error.message} (Kubernetes {version})")
        except kubernetes_validate.SchemaNotFoundError as error:
            faults.append(error.message)
    return faults


def names(parts):
    return {part["name"] for part in parts}


def name_faults(items):
    """Names in a set of objects that lead nowhere."""
    by_kind = {}
    for item in items:
        by_kind.setdefault(item["kind"], []).append(item)
    (workload,) = by_kind["StatefulSet"]
    spec = workload["spec"]
    template = spec["template"]
    labels = template["metadata"]["labels"]
    pod = template["spec"]
    (container,) = pod["containers"]
    ports = names(container["ports"])

    faults = []

    def selects(who, selector):
        selector = (selector or {}).get("matchLabels")
        if not selector or not selector.items() <= labels.items():
            faults.append(f"{who}: selects {selector}, and pods are {labels}")

    def known(who, name, there):
        if name not in there:
            faults.append(f"{who}: {name} is none of {sorted(there)}")

    selects("StatefulSet", spec["selector"])
    for constraint in pod["topologySpreadConstraints"]:
        selects("topologySpreadConstraints", constraint.get("labelSelector"))
    headless = set()
    for service in by_kind["Service"]:
        who = f"Service {service['metadata']['name']}"
        selects(who, {"matchLabels": service["spec"].get("selector")})
        for port in service["spec"]["ports"]:
            known(who, port["targetPort"], ports)
        if service["spec"].get("clusterIP") == "None":
            headless.add(service["metadata"]["name"])
    known("serviceName", spec["serviceName"], headless)
    for budget in by_kind["PodDisruptionBudget"]:
        selects("PodDisruptionBudget", budget["spec"].get("selector"))
    for policy in by_kind["NetworkPolicy"]:
        selects("NetworkPolicy", policy["spec"]["podSelector"])
        for rule in policy["spec"]["ingress"]:
            for port in rule["ports"]:
                known("NetworkPolicy", port["port"], ports)
    for monitor in by_kind.get("PodMonitor", []):
        selects("PodMonitor", monitor["spec"]["selector"])
        known("PodMonitor: jobLabel", monitor["spec"]["jobLabel"], labels)
        for endpoint in monitor["spec"]["podMetricsEndpoints"]:
            known("PodMonitor", endpoint["port"], ports)

    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        known(probe, container[probe]["httpGet"]["port"], ports)
    volumes = names(pod["volumes"]) | names(claim["metadata"] for claim in spec.get("volumeClaimTemplates", []))
    mounted = names(container["volumeMounts"])
    if volumes != mounted:
        faults.append(f"volumes {sorted(volumes)} and mounts {sorted(mounted)}")
    maps = names(item["metadata"] for item in by_kind["ConfigMap"])
    for volume in pod["volumes"]:
        if "configMap" in volume:
            known(f"volume {volume['name']}", volume["configMap"]["name"], maps)
    namespaces = {item["metadata"].get("namespace") for item in items}
    if len(namespaces) != 1:
        faults.append(f"namespaces {namespaces}")
    return faults


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--custom", type=pathlib.Path, required=True)
    parser.add_argument("manifests", type=pathlib.Path)
    arguments = parser.parse_args()
    custom = custom_schemas(arguments.custom)
    items = [item for item in yaml.safe_load_all(arguments.manifests.read_text()) if item]
    faults = []
    for item in items:
        who = f"{item['kind']} {item['metadata']['name']}"
        faults += [f"{who}: {fault}" for fault in schema_faults(item, custom)]
    # Names are followed in objects that have their form.
    faults = faults or name_faults(items)
    for fault in faults:
        print(f"{arguments.manifests.name}: {fault}", file=sys.stderr)
    if faults:
        sys.exit(1)
    print(f"{arguments.manifests.name}: {len(items)} objects hold")


if __name__ == "__main__":
    main()
