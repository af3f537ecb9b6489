//! `vigie state`, on a directory as a daemon leaves it.

use crate::support::daemon::command;
use crate::support::directory;
use crate::support::hub::{Scene, lines_of, tiny_hub};
use crate::support::process::{Ended, Process};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;
use vigie::config::Config;
use vigie::domain::{Alert, AlertStatus, EventTime, Intensity, Span};
use vigie::engine::{BackStatus, Engine};
use vigie::simulate::{Injection, Scenario, Settings};
use vigie::snapshot::{Directory, Files, Header, Lock, Outputs, Snapshot};

const SETTINGS: &str = "time: { bound: none }\n";
const DAYS: i64 = 4;

/// What two snapshots hold: of the second day's end, and of the moment an attack is told of.
struct Story {
    snapshots: [Snapshot; 2],
    /// What the engine knew at the later one.
    status: BackStatus,
    parcels: usize,
    offset: i64,
    alert: Alert,
}

/// The tiny hub with a surge of one account on its fourth day.
fn story() -> &'static Story {
    static STORY: OnceLock<Story> = OnceLock::new();
    STORY.get_or_init(|| {
        let config = Config::parse("settings", SETTINGS, Path::new(".")).expect("settings");
        let scenario = Scenario::named("actor_volume_surge").expect("a scenario");
        let after = Span(Span::days(DAYS - 1).0 + Span::hours(9).0);
        let injection = Injection::new(scenario, after, Intensity::High).with("hours", 2.0);
        let scene = Scene::of(Settings {
            injections: vec![injection],
            ..tiny_hub(907)
        });
        let lines = lines_of(&scene, DAYS);
        let began = lines[0].0;
        let mut engine = Engine::new(&config.engine(), [0]);
        let snapshot = |engine: &mut Engine| Snapshot {
            header: Header {
                began,
                closed_to: engine.back().closed_to(),
                partitions: vec![(String::from("shipments"), 3)],
                outputs: Outputs {
                    topic: Some((String::from("alerts"), BTreeMap::from([(0, 1_234)]))),
                    file: Some((PathBuf::from("/var/log/alerts.jsonl"), 4_096)),
                },
                shape: config.shape(),
            },
            state: engine.save().expect("a state"),
        };
        let mut older = None;
        for (offset, (time, line)) in (0..).zip(&lines) {
            if older.is_none() && *time >= began + Span::days(2) {
                older = Some(snapshot(&mut engine));
            }
            let (_, alerts) = engine.feed(0, offset, None, line);
            let of_the_surge = alerts
                .into_iter()
                .find(|alert| alert.status == AlertStatus::Firing && alert.decided > began + after);
            if let Some(alert) = of_the_surge {
                let offset = engine.back().resume()[&0].offset;
                return Story {
                    snapshots: [older.expect("two days"), snapshot(&mut engine)],
                    status: engine.back().status(),
                    parcels: engine.back().parcels(),
                    offset,
                    alert,
                };
            }
        }
        panic!("nothing is told of the surge");
    })
}

/// A directory with both snapshots, and a configuration that names it.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Place {
        let place = Place {
            folder: directory::fresh(),
        };
        let mut kept = Directory::create(place.kept(), Files).expect("a directory");
        for snapshot in &story().snapshots {
            kept.store(snapshot).expect("room");
        }
        place.configure("");
        place
    }

    fn kept(&self) -> PathBuf {
        self.folder.path().join("kept")
    }

    fn configure(&self, more: &str) {
        let directory = self.kept();
        let directory = directory.display();
        let yaml = format!("{SETTINGS}state: {{ directory: \"{directory}\" }}\n{more}");
        std::fs::write(self.file(), yaml).expect("a file");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("vigie.yaml")
    }

    /// `vigie state` with these words, under its configuration.
    fn state(&self, words: &[&str]) -> Ended {
        let file = self.file();
        let config = ["--config", file.to_str().expect("UTF-8")];
        state(&[words, &config].concat())
    }

    /// Names, contents and times of all files.
    fn files(&self) -> BTreeMap<PathBuf, (Vec<u8>, SystemTime)> {
        let entries = self.kept().read_dir().expect("a directory");
        entries
            .map(|entry| {
                let path = entry.expect("an entry").path();
                let written = path
                    .metadata()
                    .and_then(|it| it.modified())
                    .expect("a time");
                (
                    path.clone(),
                    (std::fs::read(&path).expect("a file"), written),
                )
            })
            .collect()
    }

    fn newest(&self) -> PathBuf {
        let newest = self.files().into_keys().next_back();
        newest.expect("a snapshot")
    }

    /// Changes one byte in the middle of the newest.
    fn damage(&self) {
        let newest = self.newest();
        let mut bytes = std::fs::read(&newest).expect("a file");
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(newest, bytes).expect("a file");
    }
}

fn state(words: &[&str]) -> Ended {
    let mut command = command();
    command.arg("state").args(words);
    Process::start(command, "cargo builds it").wait(Duration::from_secs(60))
}

fn json(ended: &Ended) -> Value {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).expect("JSON")
}

/// `actor=user-17`, as it is given on the command line.
fn words_of(entity: &BTreeMap<&str, String>) -> String {
    let words: Vec<String> = entity
        .iter()
        .map(|(member, value)| format!("{member}={value}"))
        .collect();
    words.join(",")
}

#[test]
fn it_tells_of_every_snapshot_what_the_engine_knew() {
    let (place, story) = (Place::new(), story());
    let told = json(&place.state(&["--json"]));
    let told = told.as_array().expect("an array");
    assert_eq!(told.len(), 2);
    for (facts, snapshot) in told.iter().zip(story.snapshots.iter().rev()) {
        assert_eq!(facts["bytes_unpacked"], snapshot.state.len());
        assert_eq!(facts["format_version"], vigie::snapshot::FORMAT_VERSION);
        assert_eq!(facts["checksum_fits"], true);
        assert_eq!(facts["fault"], Value::Null);
        let header = &facts["header"];
        let time = |time: EventTime| Value::from(time.to_string());
        assert_eq!(header["began"], time(snapshot.header.began));
        let closed_to = snapshot.header.closed_to.expect("days");
        assert_eq!(header["closed_to"], time(closed_to));
        assert_eq!(header["configuration"]["fits"], true);
        assert_eq!(header["output_topic"]["offsets"]["0"], 1_234);
        assert_eq!(header["output_file"]["bytes"], 4_096);
    }
    let (newest, older) = (&told[0], &told[1]);
    assert_eq!(newest["name"], "snapshot-000000000001");
    let bytes = std::fs::metadata(place.newest()).expect("a file").len();
    assert_eq!(newest["bytes_packed"], bytes);
    assert_eq!(newest["parcels"], story.parcels);
    assert!(story.parcels > 100);
    let partition = &newest["header"]["partitions"][0];
    assert_eq!(partition["topic"], "shipments");
    assert_eq!(partition["partition"], 3);
    assert_eq!(partition["offset"], story.offset);
    let counted: Vec<(u64, u64)> = newest["entities"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|group| {
            let count = |of: &str| group[of].as_u64().expect("a number");
            (count("entities"), count("forgotten"))
        })
        .collect();
    let known: Vec<(u64, u64)> = story
        .status
        .entities
        .iter()
        .map(|counts| (counts.known as u64, counts.forgotten))
        .collect();
    assert_eq!(counted, known);
    for group in newest["entities"].as_array().expect("groups") {
        if group["entities"] != 0 {
            let first_seen = |of: &str| group[of]["first_seen"].as_str().map(str::to_owned);
            assert!(first_seen("oldest") <= first_seen("newest"), "{group}");
            assert!(first_seen("oldest").is_some(), "{group}");
        }
    }
    let episodes = |facts: &Value| -> Vec<String> {
        let episodes = facts["open_episodes"].as_array().expect("episodes").iter();
        episodes
            .map(|episode| episode["id"].as_str().expect("an id").to_owned())
            .collect()
    };
    assert!(episodes(newest).contains(&story.alert.id));
    assert!(!episodes(older).contains(&story.alert.id));
    assert_eq!(episodes(newest).len(), story.status.active.len());
}

#[test]
fn people_read_the_same_as_a_table() {
    let (place, story) = (Place::new(), story());
    let ended = place.state(&[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    for word in [
        "snapshot-000000000001\n",
        "snapshot-000000000000\n",
        " MiB unpacked\n",
        ", checksum fits\n",
        ", fits\n",
        "shipments[3] offset ",
        "alerts[0] offset 1,234\n",
        "/var/log/alerts.jsonl 4.0 KiB\n",
        &story.alert.id,
        &story.alert.detection,
    ] {
        assert!(ended.stdout.contains(word), "no {word} in {}", ended.stdout);
    }
    // Counts of a column end beneath each other, and what follows begins so.
    let mut groups = ended
        .stdout
        .lines()
        .skip_while(|line| !line.trim_start().starts_with("entities "))
        .take_while(|line| !line.is_empty());
    let head = groups.next().expect("a heading");
    let after = head.find("  first seen").expect("a heading of times");
    let ends: BTreeSet<String> = groups
        .map(|line| {
            let chars: Vec<char> = line.chars().collect();
            assert!(chars[after - 1].is_ascii_digit(), "{line}");
            chars[after..after + 2].iter().collect()
        })
        .collect();
    assert_eq!(ends, BTreeSet::from([String::from("  ")]));
}

#[test]
fn nothing_is_touched_and_a_daemon_that_has_the_directory_keeps_it() {
    let place = Place::new();
    let held = Lock::take(&place.kept()).expect("the lock");
    let before = place.files();
    assert_eq!(place.state(&[]).code, Some(0));
    assert_eq!(place.state(&["verify", "--all"]).code, Some(0));
    assert_eq!(place.files(), before);
    Lock::take(&place.kept()).expect_err("it is held");
    drop(held);
}

#[test]
fn a_damaged_snapshot_is_told_and_the_one_before_it_stands_in() {
    let place = Place::new();
    let ended = place.state(&["verify"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.starts_with("ok "), "{}", ended.stdout);
    place.damage();
    let ended = place.state(&["verify"]);
    assert_eq!(ended.code, Some(1));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("FAULTY  snapshot-000000000001"),
        "{lines:?}"
    );
    assert!(lines[0].contains("its checksum does not fit"), "{lines:?}");
    assert!(
        lines[1].starts_with("ok      snapshot-000000000000"),
        "{lines:?}"
    );
    assert!(ended.stderr.contains("1 of 2 cannot"), "{}", ended.stderr);
    let told = json(&place.state(&["--json"]));
    assert_eq!(told[0]["checksum_fits"], false);
    assert_eq!(told[0]["entities"], Value::Null);
    assert_eq!(told[1]["checksum_fits"], true);
    assert!(told[1]["entities"].is_array());
    let entity = words_of(&story().alert.entity);
    let ended = place.state(&["export", "--entity", &entity]);
    assert!(
        ended.stderr.contains("snapshot-000000000001"),
        "{}",
        ended.stderr
    );
    assert_eq!(json(&ended)["known"][0]["state"], "snapshot-000000000000");
}

#[test]
fn a_state_that_reads_short_and_one_that_is_no_snapshot_are_found_by_verifying() {
    let place = Place::new();
    let mut kept = Directory::new(place.kept(), Files);
    let mut short = story().snapshots[1].clone();
    short.state.pop();
    kept.store(&short).expect("room");
    let ended = place.state(&["verify", "--all"]);
    assert_eq!(ended.code, Some(1));
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        lines[0].starts_with("FAULTY  snapshot-000000000002"),
        "{lines:?}"
    );
    assert!(
        lines[0].contains("the state cannot be written or read"),
        "{lines:?}"
    );
    assert!(lines[1].starts_with("ok "), "{lines:?}");
    let mut long = story().snapshots[1].clone();
    long.state.push(0);
    kept.store(&long).expect("room");
    let ended = place.state(&["verify"]);
    // What no disk did is nothing to pass over.
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert!(ended.stdout.contains("1 bytes follow"), "{}", ended.stdout);
    let foreign = "what somebody else has put here";
    std::fs::write(place.newest(), foreign).expect("a file");
    let ended = place.state(&["verify"]);
    assert!(
        ended.stdout.contains("no snapshot of vigie"),
        "{}",
        ended.stdout
    );
}

#[test]
fn under_other_settings_it_says_what_differs() {
    let place = Place::new();
    place.configure("baseline: { half_life: 7d }\n");
    let told = json(&place.state(&["--json"]));
    let configuration = &told[0]["header"]["configuration"];
    assert_eq!(configuration["fits"], false);
    let differences: Vec<&str> = configuration["differences"]
        .as_array()
        .expect("lines")
        .iter()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        differences,
        ["was: baseline.half_life: 14d", "is: baseline.half_life: 7d"]
    );
    assert_eq!(told[0]["entities"], Value::Null);
    let ended = place.state(&[]);
    assert_eq!(ended.code, Some(0));
    assert!(ended.stdout.contains("does not fit"), "{}", ended.stdout);
    assert!(
        ended.stdout.contains("was: baseline.half_life: 14d"),
        "{}",
        ended.stdout
    );
    for words in [&["verify"][..], &["export", "--entity", "actor=a"]] {
        let ended = place.state(words);
        assert_eq!(ended.code, Some(1));
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert!(all.contains("half_life"), "{words:?}: {all}");
    }
}

#[test]
fn the_baselines_of_an_entity_are_exported_in_the_terms_of_their_tests() {
    let (place, story) = (Place::new(), story());
    let actor = &story.alert.entity["actor"];
    let entity = format!("actor={actor}");
    let told = json(&place.state(&["export", "--entity", &entity]));
    assert_eq!(told["entity"]["actor"], actor.as_str());
    let known = told["known"].as_array().expect("groups");
    assert!(known.len() > 1, "several groups look at actors: {told}");
    let (mut kinds, mut maturities) = (BTreeSet::new(), BTreeSet::new());
    for group in known {
        assert_eq!(group["entity"], told["entity"]);
        maturities.insert(group["maturity"].as_str().expect("a word"));
        assert!(
            !group["class"].as_str().expect("a class").is_empty(),
            "{group}"
        );
        for baseline in group["baselines"].as_array().expect("baselines") {
            let kind = baseline["baseline"].as_str().expect("a kind");
            kinds.insert(kind.to_owned());
            for word in ["detection", "measure", "window"] {
                assert!(baseline[word].is_string(), "{baseline}");
            }
            if kind == "rate" {
                let number = |of: &str| baseline[of].as_f64().unwrap_or(f64::NAN);
                assert!(number("expected_per_window") > 0.0, "{baseline}");
                assert!(number("standard_deviation") > 0.0, "{baseline}");
                assert!((0.0..=1.0).contains(&number("settled_share")), "{baseline}");
            }
        }
    }
    for kind in ["rate", "ratio", "cumulative", "mix"] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
    // It has been there for four days.
    assert!(maturities.contains("young"), "{maturities:?}");
    assert!(!maturities.contains("mature"), "{maturities:?}");
    // As an alert writes it.
    let object = serde_json::to_string(&BTreeMap::from([("actor", actor)])).expect("JSON");
    assert_eq!(json(&place.state(&["export", "--entity", &object])), told);
}

#[test]
fn of_whatever_members_an_entity_is_made_it_can_be_exported() {
    let place = Place::new();
    let told = json(&place.state(&["--json"]));
    let groups = told[0]["entities"].as_array().expect("groups");
    // One of each sort.
    let entities: BTreeMap<String, &Value> = groups
        .iter()
        .filter(|group| group["entities"] != 0)
        .map(|group| (group["members"].to_string(), &group["oldest"]))
        .collect();
    assert!(entities.len() > 8, "{entities:?}");
    let mut kinds = BTreeSet::new();
    for seen in entities.values() {
        let entity = seen["entity"].to_string();
        let exported = json(&place.state(&["export", "--entity", &entity]));
        let known = exported["known"].as_array().expect("groups").iter();
        let first_seen: Vec<&Value> = known.clone().map(|group| &group["first_seen"]).collect();
        assert!(first_seen.contains(&&seen["first_seen"]), "{exported}");
        for baseline in known.flat_map(|group| group["baselines"].as_array().expect("baselines")) {
            kinds.insert(baseline["baseline"].as_str().expect("a kind").to_owned());
        }
    }
    for kind in [
        "cumulative",
        "first_seen",
        "location",
        "mix",
        "rate",
        "ratio",
        "regular",
        "sum",
    ] {
        assert!(kinds.contains(kind), "no {kind} among {kinds:?}");
    }
}

#[test]
fn an_unknown_entity_is_told_with_names_like_it() {
    let place = Place::new();
    let actor = &story().alert.entity["actor"];
    let ended = place.state(&["export", "--entity", &format!("actor={actor}0")]);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.stdout, "");
    assert!(
        ended.stderr.contains("no baseline of actor"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains(&format!("actor {actor}")),
        "{}",
        ended.stderr
    );
    let ended = place.state(&["export", "--entity", "outcome=ok"]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended
            .stderr
            .contains("no detection looks at entities of outcome"),
        "{}",
        ended.stderr
    );
    let ended = place.state(&["export", "--entity", "user-17"]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("MEMBER=VALUE"), "{}", ended.stderr);
}

#[test]
fn no_state_no_directory_and_no_snapshot_are_different_things() {
    let ended = state(&[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("keeps no state"), "{}", ended.stderr);
    let folder = directory::fresh();
    let missing = folder.path().join("missing");
    let ended = state(&["--directory", missing.to_str().expect("UTF-8")]);
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.stderr.contains("no such directory"),
        "{}",
        ended.stderr
    );
    assert!(!missing.exists());
    for words in [&[][..], &["verify"], &["export", "--entity", "actor=a"]] {
        let directory = ["--directory", folder.path().to_str().expect("UTF-8")];
        let ended = state(&[words, &directory].concat());
        assert_eq!(ended.code, Some(1), "{words:?}");
        assert!(ended.stderr.contains("no snapshot in"), "{}", ended.stderr);
    }
}
