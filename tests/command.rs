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
        &["evaluate"],
        &["evaluate", "--alerts", "a"],
        &[
            "evaluate",
            "--alerts",
            "a",
            "--labels",
            "l",
            "--budgets",
            "many",
        ],
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
    for command in [
        "run", "demo", "replay", "simulate", "evaluate", "check", "config", "state",
    ] {
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

const SHIPPED_TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/tests/shipped.yaml");

#[test]
fn the_shipped_tests_of_the_catalogue_hold() {
    let ended = vigie(&["check", "--tests", SHIPPED_TESTS]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.stdout, ended.stderr);
    assert!(ended.stdout.lines().all(|line| line.starts_with("ok ")));
    assert!(ended.stdout.lines().count() >= 9, "{}", ended.stdout);
}

#[test]
fn a_configuration_that_breaks_what_its_tests_expect_fails_them_and_says_what_came_instead() {
    let directory = directory::fresh();
    let file = directory.path().join("own.yaml");
    let own = "alerts: {critical_below: 0}
detections:
  - {name: route_induction_shift, enabled: false}
  - {name: decoy_record_touched, severity: warning}
";
    std::fs::write(&file, own).unwrap();
    let config = file.to_str().unwrap();
    let ended = vigie(&["check", "--config", config, "--tests", SHIPPED_TESTS]);
    assert_eq!(ended.code, Some(1), "{}{}", ended.stdout, ended.stderr);
    let failed = ended
        .stdout
        .lines()
        .filter(|line| line.starts_with("FAILED "));
    assert_eq!(failed.count(), 3, "{}", ended.stdout);
    assert!(
        ended.stderr.contains("3 of 9 tests failed"),
        "{}",
        ended.stderr
    );
    for word in [
        // What was expected, where it stands, and what there was.
        "expected detection route_induction_shift, route CNSHA>NL1",
        "got nothing of it",
        "severity critical",
        "warning  decoy_record_touched on actor desk-7",
        "config/tests/shipped.yaml:",
    ] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }
}

#[test]
fn a_broken_file_of_tests_says_everything_that_is_wrong_with_it() {
    let directory = directory::fresh();
    let file = directory.path().join("tests.yaml");
    let text = "tests:
  - name: a
    events: [{kind: access}]
    expect: [{detection: no_such}]
  - name: b
    expcet: []
    events: {file: nowhere.jsonl}
    expect_none: [{}]
";
    std::fs::write(&file, text).unwrap();
    let tests = file.to_str().unwrap();
    let ended = vigie(&["check", "--tests", tests]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    for place in ["tests.yaml:3: ", "tests.yaml:4: ", "tests.yaml:6: "] {
        assert!(
            ended.stderr.contains(place),
            "no {place} in {}",
            ended.stderr
        );
    }
    // A file of events that is not there is found when it is needed.
    std::fs::write(
        &file,
        text.replace("expcet: []", "")
            .replace("no_such", "one_touch_sweep")
            .replace("{kind: access}", "{kind: access, actor: a, action: read}"),
    )
    .unwrap();
    let ended = vigie(&["check", "--tests", tests]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("nowhere.jsonl"), "{}", ended.stderr);
}

#[test]
fn a_mute_that_is_over_is_a_warning_and_no_mistake() {
    let directory = directory::fresh();
    let file = directory.path().join("own.yaml");
    let own =
        "policy: {mutes: [{match: {actor: a}, until: 2020-01-01, reason: an audit of old}]}\n";
    std::fs::write(&file, own).unwrap();
    let ended = vigie(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert!(ended.stderr.contains("an audit of old"), "{}", ended.stderr);
    let forever = own.replace("until: 2020-01-01, ", "");
    std::fs::write(&file, forever).unwrap();
    let ended = vigie(&["check", "--config", file.to_str().unwrap()]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains("own.yaml:1: policy.mutes[0]: needs `until`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn the_tests_that_the_help_shows_are_tests_that_hold() {
    let help = vigie(&["check", "--help"]).stdout;
    let (begin, end) = ("which they must not:\n", "Windows are judged");
    let example = help
        .split_once(begin)
        .and_then(|(_, rest)| rest.split_once(end));
    let (example, _) = example.unwrap_or_else(|| panic!("no example in {help}"));
    let directory = directory::fresh();
    let file = directory.path().join("example.yaml");
    std::fs::write(&file, example).unwrap();
    let ended = vigie(&["check", "--tests", file.to_str().unwrap()]);
    assert_eq!(
        ended.code,
        Some(0),
        "{}{}{example}",
        ended.stdout,
        ended.stderr
    );
    assert!(ended.stdout.starts_with("ok "), "{}", ended.stdout);
}
