//! The memory plan: how the bytes that a process may take are dealt out before it starts.
//!
//! What is bounded is what the program holds, by its own books: lengths times sizes, never what an
//! allocator says, so that what is forgotten follows from the events alone. Code, threads, buffers of
//! the network and what the allocator loses between its blocks are a fixed part and a share that is
//! left free; both were measured (`cargo bench --bench memory`).

use crate::detection::Plan;
use crate::domain::{Bytes, Span};
use crate::observe::PaneBounds;
use crate::parcel::ParcelBounds;
use crate::score::{StateBounds, entity_bytes};
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

const MIB: usize = 1 << 20;
/// Code, threads, the server, the Kafka client without its messages.
const FIXED_BYTES: usize = 36 * MIB;
/// Messages that the Kafka client has fetched: a share, and at the most and least so much.
const FETCHED_SHARE: usize = 32;
const FETCHED_BYTES: (usize, usize) = (2 * MIB, 16 * MIB);
/// So much is what state takes when it is written down, of what it takes otherwise, in percent.
const SAVED_PERCENT: usize = 60;
/// With fewer entities than this, of a dimension by itself, nothing is watched.
const ENTITIES_MIN: usize = 100;
/// The same of parcels.
const PARCELS_MIN: usize = 10_000;

/// Where a process writes its state down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeepsState {
    /// Nowhere.
    Nowhere,
    /// In a directory.
    Directory,
    /// On the changelog of the cluster that it is a replica of.
    Changelog,
}

impl KeepsState {
    /// Kafka clients that fetch messages: in a cluster also those of the nodes, of their states, and of
    /// how far all have come.
    fn consumers(self) -> usize {
        match self {
            KeepsState::Nowhere | KeepsState::Directory => 1,
            KeepsState::Changelog => 4,
        }
    }
}

/// What a process may take, dealt out.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryPlan {
    /// All of it, in bytes.
    pub max_bytes: usize,
    /// Messages that a Kafka client may have fetched, in bytes.
    pub fetched_bytes: usize,
    /// Kafka clients that fetch.
    consumers: usize,
    /// Open panes.
    pub panes: PaneBounds,
    /// Sealed panes on their way to be judged, in bytes.
    pub queue_bytes: usize,
    /// Sealed panes that wait for slower partitions, in bytes.
    pub waiting_bytes: usize,
    /// What stage 2 knows.
    pub state: StateBounds,
    /// Bytes of an entity by the members that make it, over all groups that watch it.
    entities: BTreeMap<String, usize>,
}

/// The bytes do not suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("is too small: with this catalogue the least is {}", Bytes(*least_bytes))]
pub struct MemoryTooSmall {
    /// What would.
    pub least_bytes: usize,
}

impl MemoryPlan {
    /// Deals out `max_bytes`: to a replica, as if it judged everything, as it does when it is the last.
    ///
    /// # Errors
    /// Where they do not suffice.
    pub fn new(
        max_bytes: usize,
        plan: &Plan,
        allowed_lateness: Span,
        keeps_state: KeepsState,
    ) -> Result<MemoryPlan, MemoryTooSmall> {
        let dealt = MemoryPlan::deal(max_bytes, plan, allowed_lateness, keeps_state);
        if let Some(dealt) = dealt.filter(MemoryPlan::suffices) {
            return Ok(dealt);
        }
        let suffices = |mebibytes: &usize| {
            MemoryPlan::deal(mebibytes * MIB, plan, allowed_lateness, keeps_state)
                .is_some_and(|dealt| dealt.suffices())
        };
        let least = (1..).find(suffices).unwrap_or(usize::MAX / MIB);
        Err(MemoryTooSmall {
            least_bytes: least * MIB,
        })
    }

    fn deal(
        max_bytes: usize,
        plan: &Plan,
        allowed_lateness: Span,
        keeps_state: KeepsState,
    ) -> Option<MemoryPlan> {
        let (least, most) = FETCHED_BYTES;
        let fetched_bytes = (max_bytes / FETCHED_SHARE).clamp(least, most);
        let consumers = keeps_state.consumers();
        let rest = max_bytes.checked_sub(FIXED_BYTES + fetched_bytes * consumers)?;
        let parts = |parts: usize| rest / 100 * parts;
        let open_panes = (allowed_lateness.0 / plan.pane.0 + 2) as usize;
        let known = match keeps_state {
            KeepsState::Nowhere => parts(40),
            KeepsState::Directory | KeepsState::Changelog => {
                parts(40) * 100 / (100 + SAVED_PERCENT)
            }
        };
        let mut entities: BTreeMap<String, usize> = BTreeMap::new();
        for (group, bytes) in plan.groups.iter().zip(entity_bytes(plan)) {
            let names: Vec<&str> = group.entity.iter().map(|member| member.name()).collect();
            *entities.entry(names.join("+")).or_default() += bytes;
        }
        Some(MemoryPlan {
            max_bytes,
            fetched_bytes,
            consumers,
            panes: PaneBounds {
                tables: parts(5),
                traces: parts(35),
                traces_of_pane: parts(35) / open_panes,
                identifiers: parts(8),
            },
            queue_bytes: parts(6),
            waiting_bytes: parts(6),
            state: StateBounds {
                entities: known / 40 * 24,
                newcomers: known / 40 * 3,
                traces_of_pane: parts(35) / open_panes,
                parcels: ParcelBounds::within(known / 40 * 13),
            },
            entities,
        })
    }

    fn suffices(&self) -> bool {
        self.state.parcels.parcels >= PARCELS_MIN
            && self.entities().all(|(_, _, fit)| fit >= ENTITIES_MIN)
    }

    /// By dimension: bytes of an entity that is seen in every window, and how many fit if there were
    /// no others.
    pub fn entities(&self) -> impl Iterator<Item = (&str, usize, usize)> {
        let all = self.state.entities;
        self.entities
            .iter()
            .map(move |(name, bytes)| (name.as_str(), *bytes, all / bytes.max(&1)))
    }
}

/// For whoever starts it: what is dealt out, and how many entities fit, a line per dimension.
impl fmt::Display for MemoryPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mebibytes = |bytes: usize| format!("{:.1} MiB", bytes as f64 / MIB as f64);
        let (panes, state) = (&self.panes, &self.state);
        writeln!(f, "{} at the most, of which", Bytes(self.max_bytes))?;
        for (bytes, what) in [
            (state.entities, "entities, their baselines and open windows"),
            (state.newcomers, "who was seen before and is no entity yet"),
            (state.parcels.bytes(), "parcels"),
            (panes.traces, "traces in open panes"),
            (panes.tables, "tables in open panes"),
            (panes.identifiers, "identifiers of events"),
            (self.queue_bytes, "panes on their way to be judged"),
            (self.waiting_bytes, "panes that wait for slower partitions"),
            (
                self.fetched_bytes * self.consumers,
                "messages fetched from Kafka",
            ),
        ] {
            writeln!(f, "  {:>12}  {what}", mebibytes(bytes))?;
        }
        writeln!(f, "room for as many entities, were they all of one kind:")?;
        for (name, bytes, fit) in self.entities() {
            writeln!(f, "  {fit:>12}  {name}, {bytes} bytes each")?;
        }
        write!(f, "  {:>12}  parcels beside them", state.parcels.parcels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use std::path::Path;

    fn plan(mebibytes: usize, keeps_state: KeepsState) -> Result<MemoryPlan, MemoryTooSmall> {
        let shipped = Config::parse("test", "", Path::new(".")).unwrap();
        MemoryPlan::new(
            mebibytes * MIB,
            &shipped.plan,
            Span::minutes(5),
            keeps_state,
        )
    }

    /// All that is dealt out.
    fn dealt(plan: &MemoryPlan) -> usize {
        let (panes, state) = (&plan.panes, &plan.state);
        panes.tables
            + panes.traces
            + panes.identifiers
            + plan.queue_bytes
            + plan.waiting_bytes
            + plan.fetched_bytes * plan.consumers
            + state.entities
            + state.newcomers
            + state.parcels.bytes()
    }

    #[test]
    fn no_more_is_dealt_out_than_there_is_and_most_of_it() {
        for mebibytes in [64, 256, 512, 4_096, 65_536] {
            let kept = plan(mebibytes, KeepsState::Directory).unwrap();
            let all = plan(mebibytes, KeepsState::Nowhere).unwrap();
            assert!(dealt(&kept) + FIXED_BYTES <= mebibytes * MIB, "{mebibytes}");
            assert!(dealt(&all) + FIXED_BYTES <= mebibytes * MIB, "{mebibytes}");
            assert!(kept.state.entities < all.state.entities);
            let replica = plan(mebibytes, KeepsState::Changelog).unwrap();
            assert!(
                dealt(&replica) + FIXED_BYTES <= mebibytes * MIB,
                "{mebibytes}"
            );
            assert!(replica.state.entities < kept.state.entities);
        }
        let large = plan(4_096, KeepsState::Nowhere).unwrap();
        assert!(dealt(&large) > 4_096 * MIB / 2);
        assert!(
            large
                .entities()
                .all(|(_, bytes, fit)| bytes > 0 && fit > 10_000)
        );
    }

    #[test]
    fn too_little_is_refused_with_the_least_that_would_do() {
        let MemoryTooSmall { least_bytes } = plan(20, KeepsState::Nowhere).unwrap_err();
        let least = least_bytes / MIB;
        assert!(
            plan(least, KeepsState::Nowhere).is_ok()
                && plan(least - 1, KeepsState::Nowhere).is_err()
        );
        let told = MemoryTooSmall { least_bytes }.to_string();
        assert!(
            told.ends_with(&format!("the least is {least}MiB")),
            "{told}"
        );
    }
}
