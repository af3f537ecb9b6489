//! What `deploy/` ships agrees with the daemon, and one way of deploying with the others. Whether each
//! file has its form is asked by `tests/deploy/check`, of the tools that know it.

use crate::support::process::{Ended, Process};
use crate::support::{directory, eventually, http, ports};
use saphyr::{LoadableYamlNode, ScalarOwned, YamlOwned};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use vigie::daemon::{KEEP_WITHIN, LEAVE_GROUP_WITHIN, LEAVE_WITHIN};

const WITHIN: Duration = Duration::from_secs(20);
const HASH_KEY: &str = "VIGIE_HASH_KEY";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The documents of a YAML file, to be asked by JSON pointers.
fn yaml(text: &str) -> Vec<Value> {
    let documents = YamlOwned::load_from_str(text).expect("YAML");
    documents.into_iter().map(json).collect()
}

fn json(node: YamlOwned) -> Value {
    match node {
        YamlOwned::Value(ScalarOwned::String(text)) => Value::from(text),
        YamlOwned::Value(ScalarOwned::Integer(number)) => Value::from(number),
        YamlOwned::Value(ScalarOwned::FloatingPoint(number)) => Value::from(number.into_inner()),
        YamlOwned::Value(ScalarOwned::Boolean(truth)) => Value::from(truth),
        YamlOwned::Value(ScalarOwned::Null) => Value::Null,
        YamlOwned::Sequence(items) => items.into_iter().map(json).collect(),
        YamlOwned::Mapping(members) => members
            .into_iter()
            .map(|(key, value)| (key.as_str().expect("a key of text").to_owned(), json(value)))
            .collect(),
        other => panic!("no tags and aliases here: {other:?}"),
    }
}

fn first(path: &str) -> Value {
    yaml(&read(path)).swap_remove(0)
}

fn stateful_set() -> Value {
    first("deploy/kubernetes/base/stateful-set.yaml")
}

fn pod_monitor() -> Value {
    first("deploy/kubernetes/prometheus-operator/pod-monitor.yaml")
}

fn at<'v>(value: &'v Value, pointer: &str) -> &'v Value {
    value
        .pointer(pointer)
        .unwrap_or_else(|| panic!("no {pointer} in {value:#}"))
}

fn container(stateful_set: &Value) -> &Value {
    at(stateful_set, "/spec/template/spec/containers/0")
}

/// What a Dockerfile says after a word, in its last stage.
fn instruction(word: &str) -> Vec<String> {
    let text = read("deploy/Dockerfile").replace("\\\n", " ");
    let stage = &text[text.rfind("\nFROM ").expect("a stage") + 1..];
    stage
        .lines()
        .filter_map(|line| line.strip_prefix(word)?.strip_prefix(' '))
        .map(str::to_owned)
        .collect()
}

/// What the unit says after a key and `=`.
fn unit(key: &str) -> Vec<String> {
    read("deploy/systemd/vigie.service")
        .lines()
        .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='))
        .map(str::to_owned)
        .collect()
}

fn only<T>(mut all: Vec<T>) -> T {
    assert_eq!(all.len(), 1);
    all.remove(0)
}

/// A configuration as its place runs it: the variables that are set there, and a directory in which
/// the files that are mounted there lie.
struct Deployed {
    path: &'static str,
    variables: BTreeSet<String>,
    mounts: Option<(String, String)>,
}

impl Deployed {
    fn all() -> [Deployed; 4] {
        let pod: BTreeSet<String> = at(container(&stateful_set()), "/env")
            .as_array()
            .into_iter()
            .flatten()
            .map(|variable| at(variable, "/name").as_str().unwrap().to_owned())
            .collect();
        let mut service: BTreeSet<String> = unit("Environment")
            .iter()
            .map(|set| set.split('=').next().unwrap_or_default().to_owned())
            .collect();
        // What its own words have a person write into the file that it reads.
        let header = read("deploy/systemd/vigie.service");
        assert!(header.contains(&format!(
            "echo \"{HASH_KEY}=$(openssl rand -hex 16)\" > {}",
            only(unit("EnvironmentFile"))
        )));
        service.insert(HASH_KEY.to_owned());

        let patch = first("deploy/kubernetes/example/stateful-set.yaml");
        let secret = at(&patch, "/spec/template/spec/volumes/0/secret/items/0/path");
        let mount = at(container(&patch), "/volumeMounts/0/mountPath");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        [
            Deployed {
                path: "deploy/kubernetes/base/vigie.yaml",
                variables: pod.clone(),
                mounts: None,
            },
            Deployed {
                path: "deploy/kubernetes/cluster/vigie.yaml",
                variables: pod.clone(),
                mounts: None,
            },
            Deployed {
                path: "deploy/kubernetes/example/vigie.yaml",
                variables: pod,
                mounts: Some((text(mount), text(secret))),
            },
            Deployed {
                path: "deploy/systemd/vigie.yaml",
                variables: service,
                mounts: None,
            },
        ]
    }

    fn run(&self, subcommand: &str, without: Option<&str>) -> Ended {
        let fresh = directory::fresh();
        let mut text = read(self.path);
        if let Some((mount, file)) = &self.mounts {
            assert!(text.contains(mount), "{}: nothing of {mount}", self.path);
            text = text.replace(mount, fresh.path().to_str().expect("text"));
            std::fs::write(fresh.path().join(file), "hush").expect("a secret");
        }
        let file = fresh.path().join("vigie.yaml");
        std::fs::write(&file, text).expect("a configuration");
        let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
        command.args([subcommand, "--config"]).arg(&file);
        set(&mut command, &self.variables, without);
        Process::start(command, "cargo builds it").wait(WITHIN)
    }
}

/// Only these variables, as they may be where it is deployed.
fn set(command: &mut Command, variables: &BTreeSet<String>, without: Option<&str>) {
    command.env_clear();
    for name in variables
        .iter()
        .filter(|name| Some(name.as_str()) != without)
    {
        let value = if name == HASH_KEY {
            "00112233445566778899aabbccddeeff"
        } else {
            "vigie-0"
        };
        command.env(name, value);
    }
}

#[test]
fn every_shipped_configuration_holds_with_what_is_set_there_and_with_nothing_less() {
    for deployed in Deployed::all() {
        let ended = deployed.run("check", None);
        assert_eq!(ended.code, Some(0), "{}: {}", deployed.path, ended.stderr);
        assert!(deployed.variables.contains(HASH_KEY), "{}", deployed.path);
        for variable in &deployed.variables {
            let ended = deployed.run("check", Some(variable));
            assert_eq!(ended.code, Some(2), "{}: {variable}", deployed.path);
            assert!(ended.stderr.contains(variable), "{}", ended.stderr);
        }
    }
}

#[test]
fn state_and_port_are_the_same_in_configuration_image_pod_and_unit() {
    let stateful_set = stateful_set();
    let container = container(&stateful_set);
    let port: u16 = only(instruction("EXPOSE")).parse().unwrap();
    assert_eq!(at(container, "/ports/0/containerPort"), port);
    for service in yaml(&read("deploy/kubernetes/base/services.yaml")) {
        assert_eq!(at(&service, "/spec/ports/0/port"), port);
    }
    let target = first("deploy/prometheus/scrape.example.yaml");
    let target = at(&target, "/scrape_configs/0/static_configs/0/targets/0");
    assert!(target.as_str().unwrap().ends_with(&format!(":{port}")));

    let mounts: BTreeMap<&str, &str> = at(container, "/volumeMounts")
        .as_array()
        .into_iter()
        .flatten()
        .map(|mount| {
            let text = |pointer| at(mount, pointer).as_str().unwrap();
            (text("/name"), text("/mountPath"))
        })
        .collect();
    let state = mounts["state"];
    assert_eq!(only(unit("StateDirectory")), state["/var/lib/".len()..]);
    let copied = instruction("COPY");
    assert!(
        copied
            .iter()
            .any(|copy| copy.ends_with(&format!(" {state}")))
    );
    for deployed in Deployed::all() {
        let ended = deployed.run("config", None);
        let effective = yaml(&ended.stdout).swap_remove(0);
        // The states of a cluster are on a topic.
        let directory = effective.pointer("/state/directory");
        let is_cluster = at(&effective, "/cluster/enabled") == true;
        let expected = (!is_cluster).then(|| Value::from(state));
        assert_eq!(directory, expected.as_ref(), "{}", deployed.path);
        let listen = at(&effective, "/http/listen").as_str().unwrap();
        assert_eq!(listen, format!("0.0.0.0:{port}"), "{}", deployed.path);
    }

    let file = format!("{}/vigie.yaml", mounts["config"]);
    let arguments = ["run", "--config", &file];
    assert_eq!(*at(container, "/args"), serde_json::json!(arguments));
    let told: Value = serde_json::from_str(&only(instruction("CMD"))).unwrap();
    assert_eq!(told, serde_json::json!(arguments));
    let start = only(unit("ExecStart"));
    assert_eq!(
        start,
        format!("/usr/local/bin/vigie {}", arguments.join(" "))
    );
    let reload = unit("ExecReload");
    assert_eq!(reload[0], start.replace(" run ", " check "));
}

#[test]
fn the_image_and_the_pod_run_as_the_same_user_who_owns_the_state() {
    let stateful_set = stateful_set();
    let context = at(&stateful_set, "/spec/template/spec/securityContext");
    let user = at(context, "/runAsUser").as_u64().unwrap();
    assert_ne!(user, 0);
    for group in ["/runAsGroup", "/fsGroup"] {
        assert_eq!(at(context, group), user, "{group}");
    }
    assert_eq!(only(instruction("USER")), format!("{user}:{user}"));
    let owner = format!("--chown={user}:{user} ");
    let copied = instruction("COPY");
    assert!(
        copied.iter().any(|copy| copy.contains(&owner)),
        "{copied:?}"
    );
}

#[test]
fn what_is_deployed_answers_its_probes_while_it_waits_for_a_broker_and_leaves_in_time() {
    let fresh = directory::fresh();
    let [base, ..] = Deployed::all();
    let address = format!("127.0.0.1:{}", ports::free());
    let mut text = read(base.path);
    let broker = format!("127.0.0.1:{}", ports::free());
    let state = fresh.path().join("state");
    for (there, here) in [
        ("kafka:9092", broker.as_str()),
        ("/var/lib/vigie", state.to_str().unwrap()),
    ] {
        assert!(text.contains(there), "{there}");
        text = text.replace(there, here);
    }
    text.push_str(&format!("\nhttp:\n  listen: {address}\n"));
    let file = fresh.path().join("vigie.yaml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.args(["run", "--config"]).arg(&file);
    set(&mut command, &base.variables, None);
    let process = Process::start(command, "cargo builds it");

    let stateful_set = stateful_set();
    let path = |probe: &str| {
        let path = at(container(&stateful_set), &format!("/{probe}/httpGet/path"));
        path.as_str().unwrap().to_owned()
    };
    eventually("the probe of the start to pass", WITHIN, || {
        let answer = http::get(&address, &path("startupProbe")).ok()?;
        (answer.status == 200).then_some(())
    });
    let get = |path: &str| http::get(&address, path).expect("it answers");
    assert_eq!(get(&path("livenessProbe")).status, 200);
    assert_eq!(get(&path("readinessProbe")).status, 503);
    let monitor = pod_monitor();
    let metrics = at(&monitor, "/spec/podMetricsEndpoints/0/path");
    let metrics = get(metrics.as_str().unwrap());
    assert!(metrics.body.contains("\nvigie_build_info{"));

    process.terminate();
    let ended = process.wait(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let grace = at(
        &stateful_set,
        "/spec/template/spec/terminationGracePeriodSeconds",
    );
    let grace = Duration::from_secs(grace.as_u64().unwrap());
    assert!(grace >= KEEP_WITHIN + LEAVE_GROUP_WITHIN);
    // Twice as long as it may take, for a machine that is busy.
    assert!(ended.took < 2 * LEAVE_WITHIN, "{:?}", ended.took);
    let stop = only(unit("TimeoutStopSec"));
    assert_eq!(stop, format!("{}s", grace.as_secs()));
}

#[test]
fn the_image_says_what_the_package_says() {
    let labels = only(instruction("LABEL"));
    for (label, value) in [
        ("title", env!("CARGO_PKG_NAME")),
        ("description", env!("CARGO_PKG_DESCRIPTION")),
        ("licenses", env!("CARGO_PKG_LICENSE")),
        ("version", env!("CARGO_PKG_VERSION")),
    ] {
        let label = format!("org.opencontainers.image.{label}=\"{value}\"");
        assert!(labels.contains(&label), "no {label} in {labels}");
    }
    let base = first("deploy/kubernetes/base/kustomization.yaml");
    assert_eq!(at(&base, "/images/0/newTag"), env!("CARGO_PKG_VERSION"));
    let builder = format!("\nFROM rust:{}-slim-", env!("CARGO_PKG_RUST_VERSION"));
    assert!(read("deploy/Dockerfile").contains(&builder), "no {builder}");
}

/// The runtime has the C library, its mathematics and the unwinder, and no others.
#[test]
fn the_binary_needs_no_library_that_the_image_lacks() {
    let mut command = Command::new("readelf");
    command.args(["--dynamic", env!("CARGO_BIN_EXE_vigie")]);
    let ended = Process::start(command, "install binutils, which gcc needs as well").wait(WITHIN);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let needed: Vec<&str> = ended
        .stdout
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .filter_map(|line| line.split(['[', ']']).nth(1))
        .collect();
    assert!(needed.contains(&"libc.so.6"), "{}", ended.stdout);
    for library in needed {
        let known = ["libc.so.6", "libm.so.6", "libgcc_s.so.1"].contains(&library);
        assert!(known || library.starts_with("ld-linux"), "{library}");
    }
}

#[test]
fn the_image_is_built_from_all_that_the_sources_take_in() {
    let dockerfile = read("deploy/Dockerfile");
    let copied: BTreeSet<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|rest| !rest.starts_with("--from"))
        .flat_map(|rest| rest.split(' ').rev().skip(1))
        .collect();
    let ignored = read(".dockerignore");
    let kept: BTreeSet<&str> = ignored
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    assert_eq!(copied, kept);
    assert!(ignored.lines().any(|line| line == "*"));

    let mut taken = 0;
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap();
            for include in ["include_str!(\"", "include_bytes!(\""] {
                for part in text.split(include).skip(1) {
                    let file = part.split('"').next().unwrap();
                    let file: PathBuf = folder.join(file).canonicalize().unwrap();
                    let top = file.strip_prefix(root()).unwrap().iter().next().unwrap();
                    assert!(copied.contains(top.to_str().unwrap()), "{}", file.display());
                    taken += 1;
                }
            }
        }
    }
    assert!(taken >= 2, "the catalogue and the settings");
}

#[test]
fn the_operator_is_given_the_rules_that_are_tested() {
    let source = read("deploy/prometheus/vigie.rules.yaml");
    let (_, groups) = source.split_once("\ngroups:\n").unwrap();
    let mut spec = String::from("  groups:\n");
    for line in groups.lines() {
        let margin = if line.is_empty() { "" } else { "  " };
        spec.push_str(&format!("{margin}{line}\n"));
    }
    let path = "deploy/kubernetes/prometheus-operator/prometheus-rule.yaml";
    let shipped = read(path);
    let (_, there) = shipped.split_once("\nspec:\n").unwrap();
    assert!(
        there == spec,
        "{path} differs from deploy/prometheus/vigie.rules.yaml; write it anew, from the root:\n\
         {{ sed '/^spec:/q' {path}\n\
         sed -n '/^groups:/,$p' deploy/prometheus/vigie.rules.yaml | sed 's/./  &/'; }} > rule.new\n\
         mv rule.new {path}"
    );
    // The same to who reads YAML.
    assert_eq!(
        yaml(&shipped)[0]["spec"]["groups"],
        yaml(&source)[0]["groups"]
    );
}

#[test]
fn the_operator_scrapes_as_the_example_does_and_under_the_name_that_rules_look_for() {
    let example = first("deploy/prometheus/scrape.example.yaml");
    let example = at(&example, "/scrape_configs/0");
    let monitor = pod_monitor();
    let monitor = at(&monitor, "/spec");
    assert_eq!(at(monitor, "/sampleLimit"), at(example, "/sample_limit"));
    let endpoint = at(monitor, "/podMetricsEndpoints/0");
    assert_eq!(at(endpoint, "/interval"), at(example, "/scrape_interval"));

    let base = first("deploy/kubernetes/base/kustomization.yaml");
    let labels = at(&base, "/labels/0/pairs");
    let job = &labels[at(monitor, "/jobLabel").as_str().unwrap()];
    assert_eq!(job, at(example, "/job_name"));
    let down = format!("up{{job=\"{}\"}}", job.as_str().unwrap());
    assert!(read("deploy/prometheus/vigie.rules.yaml").contains(&down));
}

#[test]
fn the_alert_on_memory_comes_before_the_limit() {
    let rules = first("deploy/prometheus/vigie.rules.yaml");
    let expression = at(&rules, "/groups")
        .as_array()
        .into_iter()
        .flatten()
        .flat_map(|group| at(group, "/rules").as_array().into_iter().flatten())
        .find(|rule| rule["alert"] == "VigieStateNearLimit")
        .map(|rule| at(rule, "/expr").as_str().unwrap())
        .expect("the rule");
    let fires_at: f64 = expression.rsplit(' ').next().unwrap().parse().unwrap();
    let stateful_set = stateful_set();
    let limit = at(container(&stateful_set), "/resources/limits/memory");
    let gibibytes: f64 = limit
        .as_str()
        .and_then(|limit| limit.strip_suffix("Gi")?.parse().ok())
        .expect("a limit in Gi");
    assert!(fires_at <= 0.75 * gibibytes * f64::from(1 << 30));
    // systemd's G is 2^30 bytes.
    assert_eq!(only(unit("MemoryMax")), format!("{gibibytes}G"));
}
