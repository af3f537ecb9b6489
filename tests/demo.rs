//! `vigie demo` finds what it injects, in a process of its own.

use crate::support::process::Process;
use std::process::Command;
use std::time::Duration;

#[test]
fn it_finds_what_was_injected_and_says_so() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_vigie"));
    command.args([
        "demo",
        "--for",
        "60s",
        "--speed",
        "12h",
        "--listen",
        "127.0.0.1:0",
    ]);
    let ended = Process::start(command, "cargo builds it").wait(Duration::from_secs(120));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "", "words belong on standard error");
    assert!(ended.stderr.contains("injected:"), "{}", ended.stderr);
    let summary = ended
        .stderr
        .lines()
        .find(|line| line.contains("kinds of detection"))
        .unwrap_or_else(|| panic!("no summary in {}", ended.stderr));
    let words: Vec<&str> = summary.split_whitespace().collect();
    let number_before = |word: &str| -> u64 {
        let at = words.iter().position(|one| *one == word).unwrap();
        words[at - 1].parse().unwrap()
    };
    assert!(number_before("kinds") >= 3, "{}", ended.stderr);
}
