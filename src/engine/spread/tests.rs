//! Logs that have lost something.

use super::*;
use crate::config::Config;
use crate::domain::{EntityKey, EventTime, Span};
use crate::engine::{Front, Step};
use std::collections::BTreeMap;
use std::path::Path;

const START: EventTime = EventTime(1_767_571_200_000);
const HOURS: i64 = 6;

fn config() -> Config {
    let text = "
time: {allowed_lateness: 1m}
detections:
  - name: exports
    class: probing
    entity: [actor]
    where: { kind: access, action: export }
    measure: count
    window: 1h
    test: rule
    at_least: 1
    explain: \"{entity} {observed}\"
";
    Config::parse("test", text, Path::new(".")).unwrap()
}

/// A node of which some messages are lost, by their place in its log.
struct Reader {
    node: Node,
    lost: std::ops::Range<usize>,
    next: usize,
}

impl Reader {
    /// Whether it is given the next message; if it is the first after some that were lost, it is told so.
    fn is_given(&mut self) -> bool {
        let at = self.next;
        self.next += 1;
        if at == self.lost.end && !self.lost.is_empty() {
            self.node.interrupt();
        }
        !self.lost.contains(&at)
    }
}

/// Two actors who export something every minute, one in each source partition: what each of them was seen to
/// do, by the end of the hour, where a node has lost some messages; and how many it was to have.
fn observed(
    config: &Config,
    loses: Place,
    lost: std::ops::Range<usize>,
) -> (BTreeMap<(EventTime, EntityKey), f64>, usize) {
    let settings = config.engine();
    let exports = |series: usize| {
        let detection = settings.plan.series[series].detection;
        settings.plan.detections[detection].name == "exports"
    };
    let reader = |place| Reader {
        node: Node::new(&settings, place, 1),
        lost: if place == loses { lost.clone() } else { 0..0 },
        next: 0,
    };
    let (mut meet, mut shard) = (reader(Place::Meet), reader(Place::Shard(0)));
    let mut front = Front::new(&settings);
    for partition in 0..2 {
        front.assign(partition);
    }
    let mut observed = BTreeMap::new();
    let mut give = |shard: &mut Reader, message: ToShard| {
        if !shard.is_given() {
            return;
        }
        let Node::Shard(node) = &mut shard.node else {
            unreachable!("a shard");
        };
        let verdicts = node.take(message);
        let judgements = verdicts.iter().flat_map(|verdict| &verdict.judgements);
        for judgement in judgements.filter(|judgement| exports(judgement.series)) {
            for finding in &judgement.findings {
                let hour = (judgement.window.end, finding.key.clone());
                observed.insert(hour, finding.observed);
            }
        }
    };
    for second in (30..HOURS * 3_600).step_by(60) {
        for (partition, actor) in [(0, "bob"), (1, "eve")] {
            let time = (START + Span(second * 1_000)).0;
            let line =
                format!(r#"{{"time":{time},"kind":"access","actor":"{actor}","action":"export"}}"#);
            let (_, step) = front.feed(partition, second, None, line.as_bytes());
            let Some(Step::Progress(_, progress)) = step else {
                continue;
            };
            let says = Outgoing::sealed(partition, progress, 1);
            for message in says.to_shards {
                give(&mut shard, message);
            }
            if !meet.is_given() {
                continue;
            }
            let Node::Meet(node) = &mut meet.node else {
                unreachable!("the meeting");
            };
            for message in node.take(says.to_meet).to_shards {
                give(&mut shard, message);
            }
        }
    }
    let of = if loses == Place::Meet { meet } else { shard };
    (observed, of.next)
}

#[test]
fn what_lacks_something_is_not_judged_and_what_comes_after_it_is() {
    let config = config();
    let (all, _) = observed(&config, Place::Meet, 0..0);
    let hours = all.len();
    assert!(
        hours >= 8 && all.values().all(|count| *count == 60.0),
        "{all:?}"
    );
    for place in [Place::Meet, Place::Shard(0)] {
        let (_, messages) = observed(&config, place, 0..0);
        for (from, length) in (0..messages / 3)
            .step_by(11)
            .flat_map(|from| [1, 2, 9, messages / 4].map(|length| (from, length)))
        {
            let (judged, _) = observed(&config, place, from..from + length);
            let told = || format!("{place} without {length} messages from {from}: {judged:?}");
            assert!(
                judged
                    .iter()
                    .all(|(hour, count)| all.get(hour) == Some(count)),
                "{}",
                told()
            );
            assert!(judged.len() < hours || from < 22, "{}", told());
            assert!(
                judged.contains_key(all.last_key_value().unwrap().0),
                "{}",
                told()
            );
        }
    }
}
