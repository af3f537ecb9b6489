//! `vigie evaluate` as a person runs it.

use crate::support::directory;
use crate::support::process::{Ended, Process};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(240);

const LABELS: &str = r#"{"label":"run","seed":1,"start":"2026-01-05T00:00:00Z","end":"2026-01-07T00:00:00Z","story":"two days"}
{"label":"episode","id":"1","kind":"attack","scenario":"surge","intensity":"high","class":"harvesting","detections":["actor_volume_surge"],"entities":[{"actor":"key-1"}],"start":"2026-01-05T10:00:00Z","end":"2026-01-05T12:00:00Z","events":9,"taken":[["2026-01-05T12:00:00Z",120]],"story":"s"}
{"label":"episode","id":"2","kind":"attack","scenario":"surge","intensity":"low","class":"harvesting","detections":["actor_volume_surge"],"entities":[{"actor":"key-2"}],"start":"2026-01-06T10:00:00Z","end":"2026-01-06T12:00:00Z","events":9,"story":"s"}

{"label":"event","id":"e","episode":"1"}
"#;

const ALERTS: &str = r#"{"id":"a","status":"firing","detection":"actor_volume_surge","class":"harvesting","severity":"critical","entity":{"actor":"key-1"},"window":{"start":"2026-01-05T10:00:00Z","end":"2026-01-05T11:00:00Z"},"decided":"2026-01-05T11:05:00Z","measure":"count","observed":90,"expected":3,"p_value":1e-9,"false_alarms_per_day":0.01,"explanation":"much"}
{"id":"b","status":"firing","detection":"actor_volume_surge","class":"harvesting","severity":"warning","entity":{"actor":"key-9"},"window":{"start":"2026-01-06T10:00:00Z","end":"2026-01-06T11:00:00Z"},"decided":"2026-01-06T11:05:00Z","measure":"count","observed":30,"expected":3,"p_value":1e-5,"false_alarms_per_day":3,"explanation":"more"}
"#;

const SCORES: &str = "end,detection,window,entity,class,maturity,observed,expected,p,mass
2026-01-05T09:00:00Z,actor_volume_surge,1h,actor key-1,broker,mature,3,3,0.5,0.2
2026-01-05T11:00:00Z,actor_volume_surge,1h,actor key-1,broker,mature,90,3,1e-9,0
";

struct Files {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Files {
    fn new(labels: &str, alerts: &str, scores: &str) -> Files {
        let directory = directory::fresh();
        let path = directory.path().to_owned();
        std::fs::write(path.join("labels"), labels).unwrap();
        let packed = zstd::encode_all(alerts.as_bytes(), 1).unwrap();
        std::fs::write(path.join("alerts.zst"), packed).unwrap();
        std::fs::write(path.join("scores"), scores).unwrap();
        Files {
            _directory: directory,
            path,
        }
    }

    fn evaluate(&self, more: &[&str]) -> Ended {
        evaluate_in(
            &self.path,
            &[&["--labels", "labels", "--alerts", "alerts.zst"], more].concat(),
        )
    }
}

fn evaluate_in(directory: &Path, arguments: &[&str]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command
        .arg("evaluate")
        .args(arguments)
        .current_dir(directory);
    Process::start(command, "cargo builds it").wait(LIMIT)
}

#[test]
fn tables_go_to_standard_output_and_the_page_and_the_result_to_files() {
    let files = Files::new(LABELS, ALERTS, SCORES);
    let ended = files.evaluate(&["--scores", "scores", "--html", "p.html", "--json", "r.json"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for words in [
        "1 run, 2 days, 2 attacks, 2 alerts",
        "as shipped",
        "Most records taken unseen in 30 days",
        "1 tests counted, 1 left out",
        "simulated traffic only",
    ] {
        assert!(
            ended.stdout.contains(words),
            "no {words} in {}",
            ended.stdout
        );
    }
    let page = std::fs::read_to_string(files.path.join("p.html")).unwrap();
    assert!(page.starts_with("<!DOCTYPE html>") && page.ends_with("</html>\n"));
    let json = std::fs::read(files.path.join("r.json")).unwrap();
    let result: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let shipped = &result["recall"].as_array().unwrap().last().unwrap()["recall"];
    assert_eq!((&shipped["hits"], &shipped["of"]), (&1.into(), &2.into()));
    assert_eq!(result["alarms"]["per_day"], 0.5);
    let again = files.evaluate(&["--scores", "scores", "--json", "-"]);
    assert_eq!(again.stdout.as_bytes(), json, "data alone, the same bytes");
}

#[test]
fn a_bound_that_is_not_kept_exits_with_3_and_says_which() {
    let files = Files::new(LABELS, ALERTS, SCORES);
    let kept = files.evaluate(&["--fail-below", "0.5", "--fail-above", "0.5"]);
    assert_eq!(kept.code, Some(0), "{}", kept.stderr);
    for (bound, word) in [
        (["--fail-below", "0.51"], "recall"),
        (["--fail-above", "0.4"], "false alarms a day"),
    ] {
        let ended = files.evaluate(&bound);
        assert_eq!(ended.code, Some(3));
        assert!(
            ended.stderr.contains(word) && ended.stdout.contains("as shipped"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn input_that_makes_no_sense_exits_with_1_and_names_its_line() {
    let broken_labels = LABELS.replace(r#""id":"2","kind":"attack""#, r#""id":"2","kind":"prank""#);
    let broken_alerts = ALERTS.replace(
        r#""id":"b","status":"firing""#,
        r#""id":"b","status":"open""#,
    );
    let broken_scores = SCORES.replace("1e-9", "tiny");
    for (labels, alerts, scores, place) in [
        (broken_labels.as_str(), ALERTS, SCORES, "labels:3: "),
        (LABELS, broken_alerts.as_str(), SCORES, "alerts.zst:2: "),
        (LABELS, ALERTS, broken_scores.as_str(), "scores:3: "),
        (LABELS, ALERTS, "end,p\n", "scores:1: "),
    ] {
        let ended = Files::new(labels, alerts, scores).evaluate(&["--scores", "scores"]);
        assert_eq!(ended.code, Some(1), "{place}");
        assert!(
            ended.stderr.contains(place),
            "no {place} in {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "");
    }
}

#[test]
fn simulated_runs_have_the_attacks_that_are_named() {
    let directory = directory::fresh();
    let run = |attacks: &str| {
        let arguments = [
            "--simulate",
            "--seeds",
            "1",
            "--days",
            "1",
            "--quiet-days",
            "0",
            "--attacks",
            attacks,
            "--attacks-per-day",
            "8",
            "--no-calibration",
            "--json",
            "-",
        ];
        evaluate_in(directory.path(), &arguments)
    };
    let attacks = |ended: &Ended| -> Vec<String> {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        let result: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
        let episodes = result["episodes"].as_array().unwrap();
        let attacks = episodes.iter().filter(|one| one["kind"] == "attack");
        attacks
            .map(|one| one["scenario"].as_str().unwrap().to_owned())
            .collect()
    };
    let walks = attacks(&run("id_space_walk"));
    assert_eq!(walks.len(), 8);
    assert!(
        walks.iter().all(|name| name == "id_space_walk"),
        "{walks:?}"
    );
    assert!(attacks(&run("none")).is_empty());
    let refused = run("id_space_walk,walk");
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("no attack `walk`"),
        "{}",
        refused.stderr
    );
}

#[test]
fn simulated_runs_give_the_same_result_on_one_thread_and_on_two() {
    let directory = directory::fresh();
    let run = |threads: &str, more: &[&str]| {
        let arguments = [
            "--simulate",
            "--seeds",
            "1..2",
            "--days",
            "1",
            "--quiet-days",
            "0",
            "--attacks-per-day",
            "20",
            "--threads",
            threads,
            "--json",
            "-",
        ];
        let ended = evaluate_in(directory.path(), &[&arguments, more].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        ended.stdout
    };
    let one = run("1", &[]);
    assert!(one == run("2", &[]), "results differ");
    let result: serde_json::Value = serde_json::from_str(&one).unwrap();
    assert_eq!(result["runs"].as_array().unwrap().len(), 2);
    assert_eq!(result["days"], 2.0);
    assert!(
        result["episodes"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["kind"] == "attack")
    );
    assert!(result["calibration"]["tests"].as_u64().unwrap() > 10_000);
    // Looking at every test changes none of them.
    let unseen: serde_json::Value = serde_json::from_str(&run("2", &["--no-calibration"])).unwrap();
    assert!(unseen["calibration"].is_null());
    assert_eq!(
        (&unseen["alerts"], &unseen["recall"]),
        (&result["alerts"], &result["recall"])
    );
}
