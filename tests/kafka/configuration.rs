//! Kafka settings that cannot work end the daemon at once, with exit status 2 and the reason.

use crate::support::daemon::run_to_end;
use crate::support::directory;

/// `vigie SUBCOMMAND` with this configuration refuses it, and says `reason` of `place`.
fn is_refused(subcommand: &str, yaml: &str, place: &str, reason: &str) {
    let directory = directory::fresh();
    let config = directory.path().join("vigie.yaml");
    std::fs::write(&config, yaml).expect("a file in a fresh directory");
    let ended = run_to_end(subcommand, &config);
    assert_eq!(ended.code, Some(2), "{subcommand}: {}", ended.stderr);
    assert_eq!(ended.stdout, "", "words belong on standard error");
    let place = format!("{}{place}", config.display());
    assert!(
        ended.stderr.contains(&place) && ended.stderr.contains(reason),
        "{subcommand}: {}",
        ended.stderr
    );
}

#[test]
fn an_option_that_runs_code_is_refused() {
    for option in ["plugin.library.paths", "sasl.kerberos.kinit.cmd"] {
        let yaml = format!("kafka:\n  options:\n    {option}: /tmp/code\n");
        for subcommand in ["run", "check"] {
            is_refused(subcommand, &yaml, ":3: ", "it runs code");
        }
    }
}

#[test]
fn an_option_that_librdkafka_does_not_know_is_refused() {
    let yaml = "kafka:\n  options:\n    no.such.option: 1\n";
    for subcommand in ["run", "check"] {
        is_refused(subcommand, yaml, ": kafka.options: ", "no.such.option");
    }
}

#[test]
fn brokers_must_be_named() {
    for subcommand in ["run", "check"] {
        is_refused(
            subcommand,
            "kafka:\n  brokers: ''\n",
            ":2: ",
            "must not be empty",
        );
    }
}
