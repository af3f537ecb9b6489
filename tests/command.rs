//! The command line: what it prints, and how it exits.

use crate::support::directory;
use crate::support::process::{Ended, Process};
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use vigie::config::Config;

fn vigie(arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.args(arguments);
    Process::start(command, "cargo builds it").wait(Duration::from_secs(20))
}

#[test]
fn usage_that_makes_no_sense_exits_with_2() {
    for arguments in [
        &["rum"][..],
        &["replay"],
        &["run", "--nonsense"],
        &["demo", "--for", "soon"],
    ] {
        let ended = vigie(arguments);
        assert_eq!(ended.code, Some(2), "{arguments:?}: {}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn every_command_explains_itself_with_examples() {
    for command in ["run", "demo", "replay", "simulate", "check", "config"] {
        let ended = vigie(&[command, "--help"]);
        assert_eq!(ended.code, Some(0));
        let example = format!("vigie {command}");
        assert!(
            ended.stdout.contains("Examples:") && ended.stdout.contains(&example),
            "{}",
            ended.stdout
        );
    }
}

#[test]
fn all_mistakes_of_a_configuration_come_at_once_each_with_its_line() {
    let directory = directory::fresh();
    let file = directory.path().join("broken.yaml");
    let text =
        "kafka:\n  topcis: [a]\ntime:\n  pane: 7 parsecs\nalerts:\n  false_alarms_per_day: -1\n";
    std::fs::write(&file, text).unwrap();
    for command in ["check", "run", "replay"] {
        let mut arguments = vec![command, "--config", file.to_str().unwrap()];
        if command == "replay" {
            arguments.extend(["--input", "-"]);
        }
        let ended = vigie(&arguments);
        assert_eq!(ended.code, Some(2), "{command}: {}", ended.stderr);
        for place in ["broken.yaml:2", "broken.yaml:4", "broken.yaml:6"] {
            assert!(
                ended.stderr.contains(place),
                "{command}: no {place} in {}",
                ended.stderr
            );
        }
        assert!(
            ended.stderr.contains("topics"),
            "a hint at what was meant: {}",
            ended.stderr
        );
    }
}

#[test]
fn the_shipped_files_are_what_is_compiled_in_and_valid() {
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/config/vigie.yaml");
    assert_eq!(vigie(&["check", "--config", shipped]).code, Some(0));
    assert_eq!(vigie(&["check"]).code, Some(0));
    let file = Config::load(Some(Path::new(shipped))).unwrap();
    assert_eq!(file, Config::load(None).unwrap());
}

#[test]
fn the_effective_configuration_can_be_read_back_and_is_the_same() {
    let directory = directory::fresh();
    let (file, effective) = (
        directory.path().join("own.yaml"),
        directory.path().join("effective.yaml"),
    );
    let own = "alerts: { false_alarms_per_day: 3 }\ndetections:\n  - { name: one_touch_sweep, min_trials: 80 }\n";
    std::fs::write(&file, own).unwrap();
    let ended = vigie(&["config", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    // The key is a secret, and is not shown.
    let shown = ended
        .stdout
        .replace("(hidden)", &format!("\"{}\"", "0".repeat(32)));
    std::fs::write(&effective, shown).unwrap();
    let again = vigie(&["config", "--config", effective.to_str().unwrap()]);
    assert_eq!(ended.stdout, again.stdout);
    assert_eq!(
        Config::load(Some(&file)).unwrap().plan,
        Config::load(Some(&effective)).unwrap().plan
    );
}
