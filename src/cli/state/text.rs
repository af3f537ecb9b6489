//! A state in words.

use super::super::words::{size, table, thousands};
use super::facts::{EpisodeFacts, GroupFacts, HeaderFacts, StateFacts};
use crate::domain::{EventTime, label_of};
use crate::score::Seen;

/// Longest name of an entity in a table; whole ones are in the JSON.
const NAME_CHARS: usize = 24;

/// What there is to say, for a person.
pub(super) fn describe(facts: &StateFacts) -> String {
    let node = facts.node.as_ref().map(|node| format!(" ({node})"));
    let mut text = format!("{}{}\n", facts.name, node.unwrap_or_default());
    let mut rows: Vec<Vec<String>> = Vec::new();
    // What belongs together has its name once.
    let mut say = |name: &str, values: Vec<String>| {
        for (position, value) in values.into_iter().enumerate() {
            let name = if position == 0 { name } else { "" };
            rows.push(vec![name.to_owned(), value]);
        }
    };
    say("written", vec![time(facts.written)]);
    let unpacked = facts
        .bytes_unpacked
        .map(|bytes| format!(", {} unpacked", size(bytes)));
    let packed = size(facts.bytes_packed);
    say(
        "size",
        vec![format!("{packed}{}", unpacked.unwrap_or_default())],
    );
    let version = facts
        .format_version
        .map_or_else(|| String::from("unknown"), |it| it.to_string());
    let sum = if facts.checksum_fits {
        "fits"
    } else {
        "does not fit"
    };
    say("format", vec![format!("version {version}, checksum {sum}")]);
    if let Some(header) = &facts.header {
        of_header(header, &mut say);
    }
    let unfit = facts
        .header
        .as_ref()
        .is_some_and(|header| !header.configuration.fits);
    if let Some(fault) = facts.fault.as_ref().filter(|_| !unfit) {
        say("fault", vec![fault.clone()]);
    }
    say(
        "log offset",
        facts.log_offset.map(number).into_iter().collect(),
    );
    say(
        "parcels",
        facts
            .parcels
            .map(|parcels| thousands(parcels as u64))
            .into_iter()
            .collect(),
    );
    if let Some(episodes) = &facts.open_episodes {
        say("open episodes", vec![thousands(episodes.len() as u64)]);
    }
    text.push_str(&table("  ", &[], &rows));
    if let Some(episodes) = facts
        .open_episodes
        .as_ref()
        .filter(|episodes| !episodes.is_empty())
    {
        text.push_str(&of_episodes(episodes));
    }
    if let Some(groups) = &facts.entities {
        text.push_str(&of_groups(groups));
    }
    text
}

fn of_header(header: &HeaderFacts, say: &mut impl FnMut(&str, Vec<String>)) {
    let configuration = &header.configuration;
    let hash = &configuration.hash;
    let mut lines = vec![match configuration.fits {
        true => format!("{hash}, fits"),
        false => format!("{hash}, does not fit: what is in the state cannot be told"),
    }];
    lines.extend(configuration.differences.iter().cloned());
    say("configuration", lines);
    say(
        "began",
        header
            .began
            .map(|began| began.to_string())
            .into_iter()
            .collect(),
    );
    let closed_to = header
        .closed_to
        .map_or_else(|| String::from("nothing yet"), |to| to.to_string());
    say("judged up to", vec![closed_to]);
    let partitions = header.partitions.iter().map(|at| {
        let offset = at.offset.map_or_else(|| String::from("-"), number);
        format!("{}[{}] offset {offset}", at.topic, at.partition)
    });
    say("reads on from", partitions.collect());
    let mut outputs = Vec::new();
    if let Some(topic) = &header.output_topic {
        if topic.offsets.is_empty() {
            outputs.push(format!("{} from its beginning", topic.topic));
        }
        let offsets = topic.offsets.iter();
        outputs.extend(
            offsets.map(|(partition, at)| {
                format!("{}[{partition}] offset {}", topic.topic, number(*at))
            }),
        );
    }
    if let Some(file) = &header.output_file {
        outputs.push(format!("{} {}", file.path.display(), size(file.bytes)));
    }
    say("told up to", outputs);
}

fn of_episodes(episodes: &[EpisodeFacts]) -> String {
    let rows = episodes.iter().map(|episode| {
        let muted = if episode.is_muted { " (muted)" } else { "" };
        vec![
            format!("{}{muted}", episode.severity.name()),
            episode.since.to_string(),
            episode.detection.clone(),
            episode.id.clone(),
            label_of(&episode.entity),
        ]
    });
    let head = ["severity", "since", "detection", "id", "entity"].map(str::to_owned);
    let rows: Vec<Vec<String>> = std::iter::once(head.to_vec()).chain(rows).collect();
    format!("\n{}", table("  ", &[], &rows))
}

fn of_groups(groups: &[GroupFacts]) -> String {
    let rows = groups.iter().map(|group| {
        let detections = match &group.detections[..] {
            [] => String::new(),
            [one] => one.clone(),
            [first, more @ ..] => format!("{first} and {} more", more.len()),
        };
        vec![
            group.members.join(" > "),
            detections,
            thousands(group.entities as u64),
            thousands(group.forgotten),
            seen(group, group.oldest.as_ref()),
            seen(group, group.newest.as_ref()),
        ]
    });
    let head = [
        "entities",
        "of",
        "known",
        "forgotten",
        "first seen: the oldest",
        "the newest",
    ];
    let head = head.map(str::to_owned).to_vec();
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    format!("\n{}", table("  ", &[2, 3], &rows))
}

fn seen(group: &GroupFacts, seen: Option<&Seen>) -> String {
    let Some(seen) = seen else {
        return String::from("-");
    };
    let members = group.members.iter();
    let values: Vec<&str> = members
        .filter_map(|member| seen.entity.get(member))
        .map(String::as_str)
        .collect();
    let mut name: String = values.join(" ");
    if let Some((end, _)) = name.char_indices().nth(NAME_CHARS) {
        name.truncate(end);
        name.push('…');
    }
    format!("{} {name}", seen.first_seen)
}

fn time(time: Option<EventTime>) -> String {
    time.map_or_else(|| String::from("unknown"), |time| time.to_string())
}

/// An offset.
fn number(offset: i64) -> String {
    u64::try_from(offset).map_or_else(|_| offset.to_string(), thousands)
}
