//! Apache Kafka itself: a node of one's own, or one that all tests share.
//!
//! A node is broker and controller in one (KRaft), on free loopback ports, with its data in a
//! directory that goes with it. It can be killed, and started again on the same ports and data.

pub(crate) mod client;

pub(crate) use client::{Client, Message, fresh_name};

use super::process::Process;
use super::{directory, eventually, ports};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Names a running Kafka that is used in place of the shared node.
const OTHER: &str = "VIGIE_TEST_KAFKA";
const INSTALL: &str =
    "run tests/setup, or install default-jre-headless (Java 17 or newer) and maven";
/// How long a node may take to start on a machine that is busy with other things.
const START_WITHIN: Duration = Duration::from_secs(90);
const FORMAT_WITHIN: Duration = Duration::from_secs(60);

/// The Kafka that all tests share, started when first asked for.
pub(crate) fn shared() -> Client {
    static NODE: Mutex<Option<Node>> = Mutex::new(None);
    if let Ok(other) = std::env::var(OTHER) {
        return Client::new(&other);
    }
    // A start that failed fails again for whoever asks next, in the same words.
    let mut node = NODE.lock().unwrap_or_else(PoisonError::into_inner);
    node.get_or_insert_with(Node::start).client()
}

/// A running node.
pub(crate) struct Node {
    jars: PathBuf,
    directory: TempDir,
    address: String,
    process: Process,
}

impl Node {
    /// Formats a fresh node, starts it, and waits until it answers.
    pub(crate) fn start() -> Node {
        let jars = fetch();
        let directory = directory::fresh();
        let (broker, controller) = (ports::free(), ports::free());
        let address = format!("127.0.0.1:{broker}");
        let properties = properties(broker, controller, &directory.path().join("data"));
        std::fs::write(properties_in(&directory), properties).expect("a file in a fresh directory");
        let mut format = java(&jars, "kafka.tools.StorageTool");
        format
            .args([
                "format",
                "--standalone",
                "--cluster-id",
                "vigie-tests",
                "--config",
            ])
            .arg(properties_in(&directory));
        let formatted = Process::start(format, INSTALL).wait(FORMAT_WITHIN);
        assert_eq!(formatted.code, Some(0), "{}", formatted.stderr);
        let process = run(&jars, &directory, &address);
        Node {
            jars,
            directory,
            address,
            process,
        }
    }

    /// A client of it.
    pub(crate) fn client(&self) -> Client {
        Client::new(&self.address)
    }

    /// Ends it as a power cut would.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it again where it was, with the data it had.
    pub(crate) fn restart(&mut self) {
        self.kill();
        self.process = run(&self.jars, &self.directory, &self.address);
    }
}

/// The jars of Kafka, fetched when they are not there.
fn fetch() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/kafka/fetch");
    let output = Command::new(script)
        .arg(directory::target().join("kafka"))
        .output()
        .expect("bash runs tests/support/kafka/fetch");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    PathBuf::from(String::from_utf8_lossy(&output.stdout).trim_end())
}

fn properties_in(directory: &TempDir) -> PathBuf {
    directory.path().join("server.properties")
}

/// The settings of a node that is alone: nothing is replicated, and nobody is waited for.
fn properties(broker: u16, controller: u16, data: &Path) -> String {
    let data = data.display();
    format!(
        "process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{broker}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
"
    )
}

/// A Java program that starts fast and stays small.
fn java(jars: &Path, class: &str) -> Command {
    let mut java = Command::new("java");
    java.args(["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
        .arg("-cp")
        .arg(jars.join("*"))
        .arg(class);
    java
}

fn run(jars: &Path, directory: &TempDir, address: &str) -> Process {
    let mut server = java(jars, "kafka.Kafka");
    server.arg(properties_in(directory));
    let mut process = Process::start(server, INSTALL);
    let client = Client::new(address);
    eventually("Kafka to answer", START_WITHIN, || {
        assert!(process.status().is_none(), "Kafka ended while starting");
        client.is_answered().then_some(())
    });
    process
}
