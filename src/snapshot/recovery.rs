//! What becomes of the snapshots at a start: a decision over what was found.

use super::directory::Found;
use std::collections::BTreeSet;

/// Lines of a shape that a refusal names.
const DIFFERENCES_MAX: usize = 5;

/// How a start goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// There is no snapshot: without history.
    Fresh,
    /// From the newest.
    Restore {
        /// Its position among what was found.
        newest: usize,
    },
    /// From the newest that is whole, because the ones after it are not.
    RestoreOlder {
        /// Its position among what was found.
        older: usize,
        /// What is wrong with the others.
        why: String,
    },
    /// Not at all: somebody has to decide what is to become of the state.
    Refuse(String),
}

impl Recovery {
    /// Decides, from the snapshots found, newest first and up to the first that is not damaged, and the
    /// shape of the state that the configuration asks for; `anew` says how one begins without them. Only
    /// what is damaged is passed over for an older one: that the configuration or the program was changed
    /// is no damage.
    pub fn decide(found: &[Found], shape: &[String], anew: &str) -> Recovery {
        let mut damaged = Vec::new();
        let mut whole = None;
        for (at, found) in found.iter().enumerate() {
            match &found.content {
                Ok(snapshot) => {
                    whole = Some((at, snapshot));
                    break;
                }
                Err(damage) if damage.is_of_the_file() => {
                    damaged.push(format!("{}: {damage}", found.name));
                }
                Err(damage) => {
                    return Recovery::Refuse(format!(
                        "{}: {damage}; start the program that wrote it, or {anew} to begin without history",
                        found.name
                    ));
                }
            }
        }
        let damaged = damaged.join("; ");
        let Some((at, snapshot)) = whole else {
            return match found.is_empty() {
                true => Recovery::Fresh,
                false => Recovery::Refuse(format!(
                    "no snapshot can be read ({damaged}); {anew} to begin without history"
                )),
            };
        };
        if snapshot.header.shape != shape {
            return Recovery::Refuse(format!(
                "{} was written under settings that shape baselines in another way ({}); set them back, \
                 or {anew} to begin without history",
                found[at].name,
                named(&shape_differences(&snapshot.header.shape, shape))
            ));
        }
        match at {
            0 => Recovery::Restore { newest: 0 },
            older => Recovery::RestoreOlder {
                older,
                why: damaged,
            },
        }
    }
}

/// The lines that one shape has and the other does not; none where they are the same.
pub fn shape_differences(was: &[String], is: &[String]) -> Vec<String> {
    if was == is {
        return Vec::new();
    }
    let lines = |shape: &[String]| shape.iter().cloned().collect::<BTreeSet<String>>();
    let (was, is) = (lines(was), lines(is));
    let gone = was.difference(&is).map(|line| format!("was: {line}"));
    let new = is.difference(&was).map(|line| format!("is: {line}"));
    let all: Vec<String> = gone.chain(new).collect();
    match all.is_empty() {
        true => vec![String::from("they come in another order")],
        false => all,
    }
}

/// The first few of them.
fn named(differences: &[String]) -> String {
    match differences.len() {
        n if n <= DIFFERENCES_MAX => differences.join("; "),
        n => format!(
            "{}; and {} more",
            differences[..DIFFERENCES_MAX].join("; "),
            n - DIFFERENCES_MAX
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::format::{Damage, Header, Outputs, Snapshot};
    use super::*;
    use crate::domain::EventTime;

    fn lines(shape: &[&str]) -> Vec<String> {
        shape.iter().map(|line| (*line).to_owned()).collect()
    }

    fn found(contents: &[Result<&str, Damage>]) -> Vec<Found> {
        let of = |(at, content): (usize, &Result<&str, Damage>)| Found {
            name: format!("snapshot-{}", contents.len() - at),
            content: content.clone().map(|shape| Snapshot {
                header: Header {
                    began: EventTime(0),
                    closed_to: None,
                    partitions: Vec::new(),
                    outputs: Outputs::default(),
                    shape: lines(&[shape]),
                },
                state: Vec::new(),
            }),
        };
        contents.iter().enumerate().map(of).collect()
    }

    #[test]
    fn every_case_has_its_answer() {
        let (ours, theirs) = (Ok("pane 60000"), Ok("pane 300000"));
        let (torn, newer) = (Err(Damage::Sum), Err(Damage::Version(9)));
        let older = |older: usize, why: &str| Recovery::RestoreOlder {
            older,
            why: why.to_owned(),
        };
        let torn_2 = "snapshot-2: it is torn or damaged: its checksum does not fit";
        type Case<'c> = (Vec<Result<&'c str, Damage>>, Result<Recovery, &'c str>);
        let restore = || Ok(Recovery::Restore { newest: 0 });
        let cases: [Case<'_>; 10] = [
            (vec![], Ok(Recovery::Fresh)),
            (vec![ours.clone()], restore()),
            (vec![ours.clone(), torn.clone()], restore()),
            (vec![ours.clone(), theirs.clone()], restore()),
            (vec![torn.clone(), ours.clone()], Ok(older(1, torn_2))),
            (
                vec![theirs.clone(), ours.clone()],
                Err("was: pane 300000; is: pane 60000"),
            ),
            (
                vec![torn.clone(), theirs],
                Err("snapshot-1 was written under settings"),
            ),
            (
                vec![torn.clone(), torn.clone()],
                Err("name another directory to begin"),
            ),
            (vec![newer.clone(), ours], Err("version 9 of the format")),
            (vec![torn, newer], Err("version 9 of the format")),
        ];
        for (contents, expected) in cases {
            let decided = Recovery::decide(
                &found(&contents),
                &lines(&["pane 60000"]),
                "name another directory",
            );
            match (expected, decided) {
                (Ok(expected), decided) => assert_eq!(decided, expected, "{contents:?}"),
                (Err(part), Recovery::Refuse(why)) => assert!(why.contains(part), "{why}"),
                (Err(part), decided) => panic!("{decided:?} instead of {part}"),
            }
        }
    }

    #[test]
    fn of_many_differences_a_few_are_named() {
        let was: Vec<String> = (0..9).map(|n| format!("line {n}")).collect();
        let told = named(&shape_differences(&was, &was[..1]));
        assert!(
            told.starts_with("was: line 1; ") && told.ends_with("; and 3 more"),
            "{told}"
        );
        let (one, other) = (lines(&["a", "b"]), lines(&["b", "a"]));
        assert_eq!(shape_differences(&one, &one), [""; 0]);
        assert_eq!(
            shape_differences(&one, &other),
            ["they come in another order"]
        );
    }
}
